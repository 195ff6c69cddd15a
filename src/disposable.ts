declare global {
  // Declared as in TypeScript's lib "esnext.disposable" and merged with it, so that programs need that lib
  // only if they use `using`.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
}

export {};
