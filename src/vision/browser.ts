export type { ByteLayout } from "../ops/byte_images.ts";
export { type ChannelStatistics, ImageDataset } from "./image_dataset.ts";
export { type ImageColumn, type ImageGridOptions, imageGrid } from "./image_grid.ts";
export { type LossCurveOptions, lossCurve, type Series } from "./line_chart.ts";
export * as masks from "./masks.ts";
export { mse, psnr } from "./metrics.ts";
export { type Align, type Color, encodePNG, Picture } from "./picture.ts";
export type { Transform } from "./transforms.ts";
export * as transforms from "./transforms.ts";
