import { checkBoolean, readOptions } from "../../checks.ts";
import { OptionError } from "../../errors.ts";
import type { Transform } from "../transforms.ts";

/** Options of data sets that are read from a folder. */
export interface PublishedSetOptions {
  /** The folder that contains the set, or to which it is downloaded. */
  root: string;
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
    root: "",
    train: true,
    download: false,
    transform: undefined as Transform | undefined,
    url: undefined as string | undefined,
  });
  if (typeof given.root !== "string" || given.root === "") {
    throw new OptionError(`${op}: root expected the path of a folder, got ${JSON.stringify(given.root)}`);
  }
  checkBoolean(op, "train", given.train);
  checkBoolean(op, "download", given.download);
  if (given.url !== undefined && !URL.canParse(given.url)) {
    throw new OptionError(`${op}: url expected an address, got ${JSON.stringify(given.url)}`);
  }
  return given;
}
