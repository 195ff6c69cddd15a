import { checkBoolean, checkInteger, checkNumber, readOptions } from "../checks.ts";
import { ShapeError } from "../errors.ts";
import { expectInt32 } from "../ops/core/array.ts";
import { expectTensor } from "../tensor/apply.ts";
import { tensor } from "../tensor/creation.ts";
import type { Generator } from "../tensor/generator.ts";
import { rand, randint } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { MASK, SPECIAL, UNK } from "./tokenizer.ts";

export interface MaskedTokens {
  /** int32 [N,L]: the input of the model. */
  seen: Tensor;
  /** int32 [K]: positions of the hidden words, `row · L + column`. */
  at: Tensor;
  /** int32 [K]: the hidden words. */
  answers: Tensor;
}

/**
 * Hides random words for a model to predict. 80 % of the hidden words become [MASK], 10 % become another word
 * and 10 % remain unchanged, so that the model cannot rely on its input. Padding and unknown words are never
 * hidden. At least one word is hidden, because a loss over no words would be NaN. K is 0 only if there is no
 * word, or if `ratio` is 0.
 *
 * see: Devlin et al., "BERT: Pre-training of deep bidirectional transformers for language understanding",
 * 2019
 * @param tokens int32 [N,L]
 * @param vocabulary number of words, including the special ones
 * @param options `ratio` of hidden words, in [0, 1] (default 0.15); `plain`: all hidden words become [MASK]
 * (default false); `generator`
 * @throws OptionError, ShapeError, DTypeError
 * @example
 * ```ts
 * import { tensor } from "wasmgrad";
 * import { maskTokens } from "wasmgrad/self-supervised";
 * const tokens = tensor([[3, 4, 5, 0]], { dtype: "int32" });
 * const { seen, at, answers } = maskTokens(tokens, 6, { ratio: 1, plain: true });
 * console.log(seen.toArray(), at.toArray(), answers.toArray()); // [[2, 2, 2, 0]] [0, 1, 2] [3, 4, 5]
 * ```
 */
export function maskTokens(
  tokens: Tensor,
  vocabulary: number,
  options?: { ratio?: number; plain?: boolean; generator?: Generator },
): MaskedTokens {
  const op = "maskTokens";
  const { ratio, plain, generator } = readOptions(op, options, {
    ratio: 0.15,
    plain: false,
    generator: undefined as Generator | undefined,
  });
  checkNumber(op, "ratio", ratio, 0, 1);
  checkBoolean(op, "plain", plain);
  checkInteger(op, "vocabulary", vocabulary, SPECIAL.length + 1);
  expectTensor(op, "tokens", tokens);
  if (tokens.dim() !== 2) throw new ShapeError(`${op}: expected tokens [N,L], got [${tokens.shape}]`);
  expectInt32(op, "tokens", tokens.array);
  const words = tokens.gt(UNK);
  const chance = rand(tokens.shape, { generator }).where(words, 1);
  const kind = rand(tokens.shape, { generator });
  const others = randint(SPECIAL.length, vocabulary, tokens.shape, { generator });
  let hidden = chance.lt(ratio);
  if (ratio > 0 && !hidden.any().item() && words.any().item()) hidden = chance.eq(chance.min());
  const masked = hidden.logicalAnd(kind.lt(plain ? 1 : 0.8));
  const swapped = hidden.logicalAnd(kind.ge(plain ? 1 : 0.9));
  const seen = others.where(swapped, tokens).maskedFill(masked, MASK);
  const at = tensor(Int32Array.from([...hidden.data().entries()].filter(([, yes]) => yes).map(([place]) => place)));
  return { seen, at, answers: tokens.reshape([-1]).indexSelect(0, at) };
}
