import { nn, type optim, type Tensor } from "wasmgrad";

/** A network and how it is trained: what the benchmark times, and what PyTorch's program is compared with. */
export interface Program {
  model: nn.Module;
  /** The output for inputs `x` and targets `y` as the batch has them. */
  forward(x: Tensor, y: Tensor): Tensor;
  /** One training step. Returns its losses. */
  step(x: Tensor, y: Tensor): number[];
}

/** The usual step: one network, one loss, one optimizer. */
export function supervised(
  model: nn.Module,
  criterion: (output: Tensor, target: Tensor) => Tensor,
  optimizer: optim.Optimizer,
): Program {
  return {
    model,
    forward: (x) => model.forward(x),
    step(x, y) {
      const loss = criterion(model.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return [loss.item()];
    },
  };
}

/** A convolution without bias, as before a batch norm. */
export function conv(inputs: number, outputs: number, kernelSize: number, stride = 1, groups = 1): nn.Conv2d {
  const padding = (kernelSize - 1) / 2;
  return new nn.Conv2d(inputs, outputs, { kernelSize, stride, padding, groups, bias: false });
}
