/** Node's name of the global object, which the package for `parseArgs` uses. It must be imported before it. */
Object.assign(globalThis, { global: globalThis });

export {};
