import { nn, type Tensor } from "wasmgrad";

/** Two linear layers with a GELU between them. */
export class Mlp extends nn.Module {
  fc1: nn.Linear;
  fc2: nn.Linear;

  constructor(width: number) {
    super();
    this.fc1 = new nn.Linear(width, 4 * width);
    this.fc2 = new nn.Linear(4 * width, width);
  }

  override forward(x: Tensor): Tensor {
    return this.fc2.forward(nn.functional.gelu(this.fc1.forward(x)));
  }
}

/** A block that normalises before each of its two parts. */
export class Block extends nn.Module {
  norm1: nn.LayerNorm;
  attn: nn.Module;
  norm2: nn.LayerNorm;
  mlp: nn.Module;

  constructor(width: number, attn: nn.Module, mlp: nn.Module) {
    super();
    this.norm1 = new nn.LayerNorm(width);
    this.attn = attn;
    this.norm2 = new nn.LayerNorm(width);
    this.mlp = mlp;
  }

  override forward(x: Tensor): Tensor {
    const attended = x.add(this.attn.forward(this.norm1.forward(x)));
    return attended.add(this.mlp.forward(this.norm2.forward(attended)));
  }
}
