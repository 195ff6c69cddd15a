/**
 * A server that infers: `npx tsx examples/server.ts`, then
 * `curl -d "[$(seq -s, 3072)]" http://127.0.0.1:8080`. Requests overlap, and none releases another's tensors.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { manualSeed, nn, scope, tensor, WasmgradError } from "wasmgrad";

/** A small classifier of images of 3 x 32 x 32, with random weights: a real server would load some. */
export function makeClassifier(): nn.Sequential {
  manualSeed(0);
  return new nn.Sequential(
    new nn.Unflatten(1, [3, 32, 32]),
    new nn.Conv2d(3, 16, { kernelSize: 3, stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 32, { kernelSize: 3, stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(32 * 8 * 8, 10),
  );
}

/**
 * The answer to one request: probabilities, for a body that is a JSON array of numbers. It waits for the
 * body, and after each layer it lets other requests have their turn. The scope follows it through all of
 * that, and then releases what it made.
 */
function infer(model: nn.Sequential, request: IncomingMessage): Promise<number[]> {
  return scope(async () => {
    let y = tensor([JSON.parse(await text(request)) as number[]], { dtype: "float32" });
    for (const layer of model) {
      y = layer.forward(y);
      await setImmediate();
    }
    return [...y.softmax(1).data()];
  });
}

/** A server that answers with what `model` makes of a request's numbers. It does not listen yet. */
export function makeServer(model: nn.Sequential): Server {
  model.eval().requiresGrad_(false); // no graph; noGrad() would end at the first await
  return createServer(async (request, response) => {
    response.setHeader("content-type", "application/json");
    try {
      response.end(JSON.stringify(await infer(model, request)));
    } catch (error) {
      const theirs = error instanceof WasmgradError || error instanceof SyntaxError;
      response.statusCode = theirs ? 400 : 500;
      response.end(JSON.stringify({ error: String(error) }));
    }
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const port = Number(process.env.PORT ?? 8080);
  makeServer(makeClassifier()).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
}
