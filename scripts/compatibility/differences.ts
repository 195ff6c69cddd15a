/**
 * How the library's version of a PyTorch name differs beyond the general rules, and what to write in place of
 * some names that the library does not have.
 */

export interface Difference {
  /** The name here, if it is not PyTorch's in camelCase. */
  as?: string;
  /** What differs. */
  how: string;
}

const shapeOfIndices = "`index` must be a vector";
const dimRequired = "`dim` is required";
const function_ = "takes a function that it runs: no context manager, no decorator";
const pair = "result `{ values, indices }`; no form with a second tensor";
const wholeTree = "no arguments: always the whole tree, each once";
const notInPlace = "no `inplace`";
const lengthsOption = "an option `lengths` of `forward` replaces packed sequences";
const listOnly = "the list is an array; no names";
const noForeach = "`foreach`, `fused`, `capturable` and `differentiable` have no meaning here";
const sequentialOnly = "no `last_epoch`: `loadStateDict` continues a run";

export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  "torch.linspace": { how: "float32 only" },
  "torch.logspace": { how: "float32 only; `base` in the options" },
  "torch.empty": { how: "the elements are 0" },
  "torch.empty_like": { how: "the elements are 0" },
  "torch.tril_indices": { how: "`offset` in the options; int32" },
  "torch.triu_indices": { how: "`offset` in the options; int32" },
  "torch.polygamma": { how: "`x.polygamma(n)`, n up to 33" },
  "torch.inference_mode": { how: `${function_}; its results may be used in later graphs` },
  "torch.autograd.grad": { as: "wasmgrad.grad", how: "gradients as an array, or alone for one input" },
  "torch.autograd.Function": { as: "wasmgrad.customFunction", how: "a function that takes `forward` and `backward`" },
  "torch.where": { how: "no form with the condition alone" },
  "torch.index_select": { how: shapeOfIndices },
  "torch.tensor": { how: "an option `shape` for flat arrays; typed arrays are copied" },

  "torch.Generator": { how: "Philox 4x32-10: other numbers for the same seed" },
  "torch.manual_seed": { how: "other numbers for the same seed; the same in every runtime" },
  "torch.get_rng_state": { how: "the state is a plain object" },
  "torch.set_rng_state": { how: "the state is a plain object" },
  "torch.randint": { how: "`low` is required; int32" },
  "torch.randperm": { how: "int32" },
  "torch.bernoulli": { how: "also `bernoulli(shape, { p })`" },

  "torch.clamp": { how: "bounds are numbers; `min` and `max` in an options object, or in order" },
  "torch.softmax": { how: dimRequired },
  "torch.log_softmax": { how: dimRequired },
  "torch.max": { how: pair },
  "torch.min": { how: pair },
  "torch.argmax": { how: "int32; of equals the first" },
  "torch.argmin": { how: "int32; of equals the first" },
  "torch.cumprod": { how: "float32" },
  "torch.prod": { how: "int32 products are int32" },
  "torch.unique": { how: "with options, `{ values, inverse, counts }`; no `dim`" },
  "torch.searchsorted": { how: "a method of the sorted sequence; `right`, no `side`, no `sorter`" },
  "torch.quantile": { how: "`q` is a number or an array" },
  "torch.scatter": { how: "no `reduce`; see `scatterReduce`" },
  "torch.nonzero": { how: "no `as_tuple`" },
  "torch.sort": { how: "always stable" },
  "torch.topk": { how: "always sorted; of equals the first" },
  "torch.poisson": { how: "other numbers for the same seed" },
  "torch.normal": { how: "other numbers for the same seed" },
  "torch.multinomial": { how: "other numbers for the same seed" },
  "torch.floor_divide": { how: "no gradient" },
  "torch.count_nonzero": { how: "int32" },
  "torch.diff": { how: "no `prepend`, no `append`" },
  "torch.cdist": { how: "no `compute_mode`: always from differences" },
  "torch.cross": { how: "`dim` is -1 by default, as in `torch.linalg.cross`" },
  "torch.nansum": { how: "no `dtype`" },
  "torch.sum": { how: "int32 sums end at the ends of int32" },

  "torch.no_grad": { how: function_ },
  "torch.enable_grad": { how: function_ },
  "torch.is_tensor": { as: "wasmgrad.Tensor", how: "`x instanceof Tensor`" },
  "torch.numel": { as: "Tensor.numel", how: "a method" },
  "torch.save": {
    as: "io.saveCheckpoint",
    how: "safetensors rather than pickles: `saveCheckpoint`, `saveSafetensors`",
  },
  "torch.load": {
    as: "io.loadCheckpoint",
    how: "reads safetensors: `loadCheckpoint`, `loadSafetensors`; no `.pt` files",
  },

  "torch.Tensor.backward": { how: "no `inputs`" },
  "torch.Tensor.data": { how: "a method: a copy of the elements as a typed array" },
  "torch.Tensor.dtype": { how: 'a string: "float32", "int32" or "bool"' },
  "torch.Tensor.shape": { how: "an array of numbers" },
  "torch.Tensor.ndim": { as: "Tensor.dim", how: "`x.dim()`" },
  "torch.Tensor.to": { how: "takes a dtype" },
  "torch.Tensor.item": { how: "a number, also of a bool tensor" },
  "torch.Tensor.type": { as: "Tensor.to", how: "`x.to(dtype)`; the type's name is `x.dtype`" },
  "torch.Tensor.int": { how: "int32; refuses what int32 cannot hold" },
  "torch.Tensor.long": { as: "Tensor.int", how: "int32" },
  "torch.Tensor.numpy": { as: "Tensor.data", how: "a copy, as a typed array" },
  "torch.Tensor.tolist": { as: "Tensor.toArray", how: "nested arrays" },
  "torch.Tensor.masked_fill": { how: "`value` is a number" },
  "torch.Tensor.contiguous": { how: "always contiguous: the tensor itself" },
  "torch.Tensor.requires_grad_": { as: "Tensor.requiresGrad", how: "set the property" },
  "torch.Tensor.copy_": { how: "`source` has the same shape and dtype; not differentiable" },

  "torch.nn.Sequential": { how: "positions only: no dict of names" },
  "torch.nn.ModuleList": { how: "`at`, `append` and iteration only" },
  "torch.nn.ModuleDict": { how: "`get`, `set` and `keys` only" },
  "torch.nn.Parameter": { how: "no `requires_grad` argument: set the property" },
  "torch.nn.Conv2d": { how: "no `padding_mode`" },
  "torch.nn.ConvTranspose2d": { how: "no `output_size` in `forward`" },
  "torch.nn.MaxPool2d": { how: "no `return_indices` (`functional.maxPool2d` has it)" },
  "torch.nn.Upsample": { how: "images only" },
  "torch.nn.Unflatten": { how: listOnly },
  "torch.nn.Embedding": { how: "no `max_norm`, `norm_type`, `scale_grad_by_freq`, `sparse`" },
  "torch.nn.MultiheadAttention": { how: "no `kdim`, `vdim`, `add_bias_kv`, `add_zero_attn`, `is_causal`" },
  "torch.nn.Dropout": { how: notInPlace },
  "torch.nn.Dropout2d": { how: notInPlace },
  "torch.nn.ReLU": { how: notInPlace },
  "torch.nn.LeakyReLU": { how: notInPlace },
  "torch.nn.ELU": { how: notInPlace },
  "torch.nn.SiLU": { how: notInPlace },
  "torch.nn.Softmax": { how: dimRequired },
  "torch.nn.LogSoftmax": { how: dimRequired },

  "torch.nn.ReLU6": { how: notInPlace },
  "torch.nn.Hardtanh": { how: notInPlace },
  "torch.nn.Hardswish": { how: notInPlace },
  "torch.nn.Hardsigmoid": { how: notInPlace },
  "torch.nn.Mish": { how: notInPlace },
  "torch.nn.SELU": { how: notInPlace },
  "torch.nn.CELU": { how: notInPlace },
  "torch.nn.LSTM": { how: `${lengthsOption}; no \`proj_size\`` },
  "torch.nn.GRU": { how: lengthsOption },
  "torch.nn.RNN": { how: lengthsOption },

  "torch.nn.Conv1d": { how: "no `padding_mode`" },
  "torch.nn.Conv3d": { how: 'no `padding_mode`; no "same"' },
  "torch.nn.ConvTranspose1d": { how: "no `output_size` in `forward`" },
  "torch.nn.ConvTranspose3d": { how: "no `output_size` in `forward`" },
  "torch.nn.MaxPool1d": { how: "no `return_indices`" },
  "torch.nn.MaxPool3d": { how: "`stride` and `padding` only" },
  "torch.nn.AvgPool3d": { how: "`stride` and `padding` only" },
  "torch.nn.AdaptiveMaxPool1d": { how: "no `return_indices`" },
  "torch.nn.AdaptiveMaxPool2d": { how: "no `return_indices`" },
  "torch.nn.EmbeddingBag": { how: "no `max_norm`, `norm_type`, `scale_grad_by_freq`, `sparse`" },
  "torch.nn.Dropout1d": { how: notInPlace },
  "torch.nn.AlphaDropout": { how: notInPlace },
  "torch.nn.ParameterList": { how: "`at`, `append` and iteration only" },
  "torch.nn.ParameterDict": { how: "`get`, `set` and `keys` only" },
  "torch.nn.functional.conv3d": { how: 'no "same"' },
  "torch.nn.functional.max_pool3d": { how: "`stride` and `padding` only" },
  "torch.nn.functional.avg_pool3d": { how: "`stride` and `padding` only" },
  "torch.nn.init.trunc_normal_": { how: "no `generator`" },
  "torch.nn.init.orthogonal_": { how: "no `generator`" },
  "torch.nn.InstanceNorm1d": { how: "no `bias` option: `affine` decides on both" },
  "torch.nn.InstanceNorm2d": { how: "no `bias` option: `affine` decides on both" },
  "torch.nn.InstanceNorm3d": { how: "no `bias` option: `affine` decides on both" },
  "torch.nn.BatchNorm3d": { how: "no `bias` option: `affine` decides on both" },
  "torch.nn.Transformer": { how: "no custom encoder or decoder; `activation` of the layers" },
  "torch.nn.TransformerEncoder": { how: "a layer to copy, or a function that makes one; `caches` for generation" },
  "torch.nn.TransformerDecoder": { how: "a layer to copy, or a function that makes one; `caches` for generation" },
  "torch.nn.TransformerEncoderLayer": { how: "masks in one options object; `cache` for generation" },
  "torch.nn.TransformerDecoderLayer": { how: "masks in one options object; `cache` for generation" },

  "torch.nn.BatchNorm1d": { how: "no `bias` option: `affine` decides on both" },
  "torch.nn.BatchNorm2d": { how: "no `bias` option: `affine` decides on both" },
  "torch.nn.GroupNorm": { how: "no `bias` option: `affine` decides on both" },

  "torch.nn.Module.parameters": { how: wholeTree },
  "torch.nn.Module.named_parameters": { how: wholeTree },
  "torch.nn.Module.buffers": { how: wholeTree },
  "torch.nn.Module.named_buffers": { how: wholeTree },
  "torch.nn.Module.modules": { how: wholeTree },
  "torch.nn.Module.named_modules": { how: wholeTree },
  "torch.nn.Module.state_dict": { how: "no `prefix`, no `keep_vars`" },
  "torch.nn.Module.zero_grad": { how: "always sets gradients to null" },
  "torch.nn.Module.forward": {
    as: "type wasmgrad/nn Module",
    how: "abstract, called by its name: a module is no function",
  },
  "torch.nn.Module.register_buffer": { how: "returns the tensor, for a class field" },
  "torch.nn.Module.load_state_dict": { how: "options in an object; changes nothing where something does not fit" },

  "torch.nn.CTCLoss": { how: "targets `[N,S]`, not concatenated" },
  "torch.nn.functional.ctc_loss": { how: "targets `[N,S]`, not concatenated" },
  "torch.nn.functional.huber_loss": { how: "equal shapes; no `weight`" },
  "torch.nn.functional.multilabel_soft_margin_loss": {
    as: "functional.multiLabelSoftMarginLoss",
    how: "spelled as the class",
  },
  "torch.nn.functional.mse_loss": { how: "no `weight`" },
  "torch.nn.functional.l1_loss": { how: "no `weight`" },
  "torch.nn.functional.interpolate": { how: "images only" },
  "torch.nn.functional.embedding": { how: "no `max_norm`, `norm_type`, `scale_grad_by_freq`, `sparse`" },
  "torch.nn.functional.scaled_dot_product_attention": { how: "no `enable_gqa`" },
  "torch.nn.functional.softmax": { how: dimRequired },
  "torch.nn.functional.log_softmax": { how: dimRequired },
  "torch.nn.functional.dropout": { how: "draws from a `generator` that may be given" },
  "torch.nn.functional.dropout2d": { how: "draws from a `generator` that may be given" },
  "torch.nn.functional.elu": { how: notInPlace },
  "torch.nn.functional.leaky_relu": { how: notInPlace },
  "torch.nn.functional.relu": { how: notInPlace },
  "torch.nn.functional.silu": { how: notInPlace },

  "torch.nn.init.uniform_": { how: "no `generator`" },
  "torch.nn.init.normal_": { how: "no `generator`" },
  "torch.nn.init.xavier_uniform_": { how: "no `generator`" },
  "torch.nn.init.xavier_normal_": { how: "no `generator`" },
  "torch.nn.init.kaiming_uniform_": { how: "no `generator`; `mode` is `fanIn` or `fanOut`" },
  "torch.nn.init.kaiming_normal_": { how: "no `generator`; `mode` is `fanIn` or `fanOut`" },

  "torch.optim.Optimizer": { how: "subclasses define `update` for a group" },
  "torch.optim.SGD": { how: noForeach },
  "torch.optim.Adam": { how: `${noForeach}; no \`decoupled_weight_decay\`` },
  "torch.optim.AdamW": { how: noForeach },
  "torch.optim.RMSprop": { how: noForeach },
  "torch.optim.Adagrad": { how: noForeach },
  "torch.optim.Adadelta": { how: noForeach },
  "torch.optim.Adamax": { how: noForeach },
  "torch.optim.NAdam": { how: noForeach },
  "torch.optim.RAdam": { how: noForeach },
  "torch.optim.Rprop": { how: noForeach },
  "torch.optim.ASGD": { how: noForeach },
  "torch.optim.LBFGS": { how: "`state_dict` holds copies; the history is two matrices" },
  "torch.optim.Optimizer.state_dict": {
    how: "`paramGroups` and the options in camelCase; names inside `state` are PyTorch's",
  },
  "torch.optim.Optimizer.load_state_dict": { how: "copies into the tensors there are; refuses what does not fit" },
  "torch.optim.Optimizer.zero_grad": { how: "always sets gradients to null" },

  "torch.optim.lr_scheduler.LRScheduler": { how: "subclasses define `nextLr` for a group" },
  "torch.optim.lr_scheduler.StepLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.MultiStepLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.LambdaLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.LinearLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.CosineAnnealingLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.OneCycleLR": { how: `${sequentialOnly}; one base and one maximal momentum for all groups` },
  "torch.optim.lr_scheduler.MultiplicativeLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.ConstantLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.ExponentialLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.PolynomialLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts": { how: sequentialOnly },
  "torch.optim.lr_scheduler.CyclicLR": { how: sequentialOnly },
  "torch.optim.lr_scheduler.SequentialLR": { how: `${sequentialOnly}; no ReduceLROnPlateau inside` },

  "torch.utils.data.Dataset": {
    as: "type wasmgrad/data Dataset",
    how: "an interface: `length` and `get(index)`, optionally `batch(indices)`; both may return promises",
  },
  "torch.utils.data.DataLoader": {
    how: "`numWorkers` needs a `workerModule`; no pinned memory; an iteration is a memory scope; `seed`, `stateDict`",
  },
  "torch.utils.data.IterableDataset": { as: "type wasmgrad/data IterableDataset", how: "an interface: any iterable" },
  "torch.utils.data.Sampler": {
    as: "type wasmgrad/data Sampler",
    how: "an interface: an iterable with a length, optionally `order(seed, epoch)`",
  },
  "torch.utils.data.random_split": { how: "`seed` or `generator`; `stratify`" },
};

/** Members that only throw an error, which says what to use. They count as missing. */
export const REFUSED: ReadonlySet<string> = new Set(["torch.Tensor.half", "torch.Tensor.double"]);

/** Functions that are missing but short to write: the members that the replacement uses, and its code. */
export const INSTEAD: Readonly<Record<string, { uses: readonly string[]; write: string }>> = {
  "torch.concat": { uses: ["wasmgrad.cat"], write: "`cat`" },
  "torch.as_tensor": { uses: ["wasmgrad.tensor"], write: "`tensor(values)`" },
  "torch.from_numpy": { uses: ["wasmgrad.tensor"], write: "`tensor(typedArray, { shape })`" },
  "torch.clip": { uses: ["Tensor.clamp"], write: "`x.clamp(min, max)`" },
  "torch.Tensor.half": { uses: ["Tensor.float"], write: "`x.float()`: float32 is the only floating-point type" },
  "torch.Tensor.double": { uses: ["Tensor.float"], write: "`x.float()`: float32 is the only floating-point type" },
  "torch.nn.LazyLinear": {
    uses: ["nn.Linear"],
    write: "`nn.Linear(inFeatures, outFeatures)`; the shape that the layers before it give has `inFeatures`",
  },
  "torch.utils.data.default_collate": { uses: ["data.DataLoader"], write: "what a `DataLoader` does by default" },
};
