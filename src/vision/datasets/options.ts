import { checkBoolean, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import type { Transform } from "../transforms.ts";
import type { SetRoot } from "./set_root.ts";

/** Options of data sets that are read from a folder. */
export interface PublishedSetOptions {
  /**
   * The folder that contains the set, or to which it is downloaded. In a page: an address (a text is relative
   * to the page's), a folder that the browser keeps, such as "opfs:data", or a `FileSystemDirectoryHandle`.
   */
  root: SetRoot;
  /** True (the default): the training images; false: the test images. */
  train?: boolean;
  /** Whether to download what `root` does not contain. Default false. */
  download?: boolean;
  /** Applied to each batch; see `transforms`. Default: pixels in [0, 1]. */
  transform?: Transform;
  /** The address of a copy. Default: the addresses that torchvision uses. */
  url?: string;
}

export function readSetOptions(op: string, options: PublishedSetOptions) {
  const given = readOptions(op, options, {
    root: "" as SetRoot,
    train: true,
    download: false,
    transform: undefined as Transform | undefined,
    url: undefined as string | undefined,
  });
  checkBoolean(op, "train", given.train);
  checkBoolean(op, "download", given.download);
  if (given.url !== undefined && !URL.canParse(given.url, globalThis.location?.href)) {
    throw new OptionError(`${op}: url expected an address, got ${JSON.stringify(given.url)}`);
  }
  return given;
}
