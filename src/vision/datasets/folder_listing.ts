import type { Dirent } from "node:fs";
import { DataError } from "../../errors.ts";
import { joinPath as join } from "../../io/files.ts";
import { builtin } from "../../runtime/node_module.ts";

/** The files of an `ImageFolder`. */
export interface FolderListing {
  classes: string[];
  /** Path and label of each file. */
  samples: (readonly [string, number])[];
}

const READABLE = /\.(png|jpe?g|webp)$/i;
/** Images that are not read. To leave them out without a word would lose a part of the set. */
const OTHER_IMAGES = /\.(bmp|gif|tiff?|ppm|pgm|pbm|pnm|avif|heic|heif|jxl|jp2)$/i;

/**
 * Lists the files below `root`. The folders in it are the classes. Classes, folders and files are sorted by
 * code points, as Python sorts them.
 */
export function listFolder(root: string, isValidFile?: (path: string) => boolean): FolderListing {
  const classes = entriesOf(root)
    .filter((entry) => isFolder(root, entry))
    .map(({ name }) => name);
  if (classes.length === 0) throw new DataError(`${root}: expected one folder for each class, found no folder`);
  const samples = classes.flatMap((name, label) => {
    const folder = join(root, name);
    const files = filesBelow(folder).filter((path) => (isValidFile ? isValidFile(path) : isReadable(path)));
    if (files.length === 0) throw withoutImages(folder, name);
    return files.map((path) => [path, label] as const);
  });
  return { classes, samples };
}

function isReadable(path: string): boolean {
  if (OTHER_IMAGES.test(path)) {
    throw new DataError(
      `${path}: expected a .png, .jpg, .jpeg or .webp file; convert it, or leave it out with isValidFile`,
    );
  }
  return READABLE.test(path);
}

/** All files below a folder: folder by folder in the order of their paths, as `sorted(os.walk(folder))`. */
function filesBelow(folder: string): string[] {
  return sortByCodePoints(foldersFrom(folder), (path) => path).flatMap((path) =>
    entriesOf(path)
      .filter((entry) => !isFolder(path, entry))
      .map(({ name }) => join(path, name)),
  );
}

/** A folder and all folders below it. Links to folders are followed. */
function foldersFrom(folder: string, trail: readonly string[] = []): string[] {
  const { dev, ino } = builtin("node:fs").statSync(folder);
  const identity = `${dev}:${ino}`;
  if (trail.includes(identity)) return []; // a link that leads back
  const inner = entriesOf(folder).filter((entry) => isFolder(folder, entry));
  return [folder, ...inner.flatMap(({ name }) => foldersFrom(join(folder, name), [...trail, identity]))];
}

function entriesOf(folder: string): Dirent[] {
  try {
    return sortByCodePoints(builtin("node:fs").readdirSync(folder, { withFileTypes: true }), ({ name }) => name);
  } catch (cause) {
    throw new DataError(`${folder}: expected a folder that can be read: ${(cause as Error).message}`, { cause });
  }
}

function isFolder(parent: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return builtin("node:fs").statSync(join(parent, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The order of code points; that of JavaScript's strings is another one. */
export function sortByCodePoints<T>(items: readonly T[], text: (item: T) => string): T[] {
  const keyed = items.map((item) => ({
    item,
    key: Array.from(text(item), (letter) => letter.codePointAt(0) as number),
  }));
  return keyed.sort((a, b) => compareLists(a.key, b.key)).map(({ item }) => item);
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? a.length - b.length : a[at] - (b[at] ?? -1);
}

/** Lists files of a browser, by their paths in the folder: `cat/1.png`, `dog/a/2.png`. */
export function listPaths(
  root: string,
  paths: readonly string[],
  isValidFile?: (path: string) => boolean,
): FolderListing {
  const inFolders = paths.filter((path) => path.includes("/"));
  const classOf = (path: string) => path.slice(0, path.indexOf("/"));
  const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/"));
  const classes = sortByCodePoints([...new Set(inFolders.map(classOf))], (name) => name);
  if (classes.length === 0) throw new DataError(`${root}: expected one folder for each class, found no folder`);
  const sorted = sortByCodePoints(
    sortByCodePoints(inFolders, (path) => path),
    folderOf,
  );
  const samples = classes.flatMap((name, label) => {
    const files = sorted.filter((path) => classOf(path) === name && (isValidFile ?? isReadable)(path));
    if (files.length === 0) throw withoutImages(`${root}/${name}`, name);
    return files.map((path) => [path, label] as const);
  });
  return { classes, samples };
}

const withoutImages = (folder: string, name: string) =>
  new DataError(`${folder}: expected images (.png, .jpg, .jpeg, .webp) of the class ${name}, found none`);
