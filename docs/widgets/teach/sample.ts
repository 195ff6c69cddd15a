/**
 * The sheet of test images of CIFAR-10, pictures.png: a row for each of these classes, with images of 32 x 32
 * pixels. The encoder has not seen them. scripts/make_teach_files.ts writes it.
 */
export const SAMPLE_CLASSES = ["automobile", "horse", "ship"] as const;

/** Images of each class. */
export const SAMPLE_IMAGES = 100;
