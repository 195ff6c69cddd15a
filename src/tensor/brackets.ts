import { OptionError } from "../errors.ts";

/** Property names that look like an index: numbers, ranges, lists of them, or another tensor (as text). */
const PLACE = /^(?=.*[\d:])[-\d:,.\s]+$|^tensor\(/s;

/** PyTorch's spelling of a name: "requires_grad" for "requiresGrad". */
const SNAKE = /[a-z]_[a-z]/;

/**
 * The prototype from which tensors inherit. It throws for `x[0]` (which would be undefined), for `x[0] = 1`
 * (which would change no element), and for names in PyTorch's spelling. It is consulted only for properties
 * that tensors do not have, so access to existing properties is not slower.
 *
 * @param shown describes the tensor in an error
 */
export function bracketsOf(shown: (tensor: object) => string): object {
  const refuse = (key: string, receiver: object, isWritten: boolean) => {
    if (SNAKE.test(key)) {
      const camel = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      if (camel in receiver) {
        throw new OptionError(`Tensor: expected ${camel}, got ${key}: names are in camelCase here`);
      }
    }
    if (!PLACE.test(key)) return;
    const place = key.length > 20 ? `${key.slice(0, 20)}...` : key;
    throw new OptionError(
      isWritten
        ? `Tensor: x[${place}] = ... changes no element of ${shown(receiver)}; make a new tensor with where(), maskedFill(), cat() or ` +
            "stack(), or overwrite all elements with copy_()"
        : `Tensor: x[${place}] reads no element of ${shown(receiver)}; write x.index(i) or x.select(dim, i) for a part, x.slice(dim, start, ` +
            "end), x.indexSelect(dim, indices) or x.where(mask, y) for several, and x.data()[i] or x.item() for a number",
    );
  };
  return new Proxy(
    {},
    {
      get(target, key, receiver) {
        if (typeof key === "string") refuse(key, receiver, false);
        return Reflect.get(target, key, receiver);
      },
      set(target, key, value, receiver) {
        if (typeof key === "string") refuse(key, receiver, true);
        return Reflect.set(target, key, value, receiver);
      },
    },
  );
}
