import type { AnyURL } from "../../io/fetch_file.ts";
import type { FolderHandleLike } from "../../io/handles.ts";

/** Where the files of a data set are: a folder, an address, or a folder of a browser. */
export type SetRoot = string | AnyURL | FolderHandleLike;
