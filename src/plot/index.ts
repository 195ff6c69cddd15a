export { type ImageColumn, type ImageGridOptions, imageGrid } from "./image_grid.ts";
export { type LossCurveOptions, lossCurve, type Series } from "./line_chart.ts";
export { type Align, type Color, encodePNG, Picture } from "./picture.ts";
export { savePNG } from "./png_file.ts";
