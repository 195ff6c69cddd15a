/** Uses the page of examples/onnx/page as a visitor does, and posts what it shows and saves. */
const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const text = (id: string) => byId(id).textContent ?? "";

/** A picture with circles or with stripes, whose place and colours depend on the number. */
async function draw(isRound: boolean, i: number): Promise<File> {
  const canvas = new OffscreenCanvas(60, 40);
  const context = canvas.getContext("2d")!;
  context.fillStyle = `hsl(${i * 47} 50% 30%)`;
  context.fillRect(0, 0, 60, 40);
  context.fillStyle = `hsl(${i * 71} 80% 70%)`;
  if (isRound) context.arc(20 + (i % 5) * 5, 20, 12, 0, 7);
  else for (let x = i % 5; x < 60; x += 12) context.rect(x, 0, 6, 40);
  context.fill();
  return new File([await canvas.convertToBlob()], `${i}.png`, { type: "image/png" });
}

function transferOf(files: File[]): DataTransfer {
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  return transfer;
}

const drop = (element: Element, files: File[]) =>
  element.dispatchEvent(new DragEvent("drop", { dataTransfer: transferOf(files), cancelable: true }));

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; !isTrue(); i++) {
    if (i === 2000) throw new Error(`${isTrue} does not become true; the page says: ${text("status")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Clicks on a button that saves a file, and takes the file. */
async function savedBy(button: HTMLElement): Promise<{ name: string; bytes: number[] }> {
  Object.assign(globalThis, { showSaveFilePicker: undefined }); // a download, in all browsers
  let blob: Blob | undefined;
  let name = "";
  const make = URL.createObjectURL;
  URL.createObjectURL = (given: Blob) => {
    blob = given;
    return make(given);
  };
  HTMLAnchorElement.prototype.click = function () {
    name = this.download;
  };
  button.click();
  await until(() => name !== "");
  return { name, bytes: [...new Uint8Array(await blob!.arrayBuffer())] };
}

const result: Record<string, unknown> = {};
try {
  const pictures = (isRound: boolean, from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, i) => draw(isRound, from + i)));
  byId("train").click();
  await until(() => text("status") !== "");
  result.without = text("status");
  const model = await (await fetch("/model.onnx")).blob();
  byId<HTMLInputElement>("model").files = transferOf([new File([model], "model.onnx")]).files;
  const [first, second] = document.querySelectorAll("#classes > .drop");
  first.querySelector("input")!.value = "circle";
  second.querySelector("input")!.value = "stripes";
  drop(first, await pictures(true, 0, 12));
  drop(second, await pictures(false, 0, 12));
  result.shown = document.querySelectorAll("#classes img").length;
  byId<HTMLInputElement>("epochs").value = "100";
  byId("train").click();
  await until(() => !byId<HTMLButtonElement>("train").disabled);
  result.status = text("status");
  const questions = [...(await pictures(true, 20, 24)), ...(await pictures(false, 20, 24))];
  drop(byId("question").parentElement!, questions);
  await until(() => text("answer") !== "" || text("status") !== result.status);
  result.answers = text("answer");
  result.saved = await savedBy(byId("save"));
} catch (error) {
  result.error = `${error} ${(error as Error)?.stack}`;
}
await fetch("/answer", { method: "POST", body: JSON.stringify(result) });

export {};
