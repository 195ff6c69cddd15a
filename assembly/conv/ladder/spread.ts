// Copies images with zeros around and between their pixels, so that no tap has to check whether it is inside.

import { offset } from "./sizes";

/**
 * to[plane][y stepH + top][x stepW + left] = x[plane][y][x], and 0 elsewhere. x: [planes][height][width]; to:
 * [planes][toH][toW]. Pixels that would lie outside `to` are dropped. Steps of 1 only pad; larger steps put
 * zeros between the pixels as well.
 */
export function spread(
  x: usize, planes: i32, height: i32, width: i32, to: usize, toH: i32, toW: i32, top: i32, left: i32, stepH: i32, stepW: i32,
): void {
  memory.fill(to, 0, offset(planes, toH, toW, 0, 0));
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < height; y++) {
      const row = y * stepH + top;
      if (row < 0 || row >= toH) continue;
      for (let column = 0; column < width; column++) {
        const at = column * stepW + left;
        if (at < 0 || at >= toW) continue;
        store<f32>(to + offset(plane, toH, toW, row, at), load<f32>(x + offset(plane, height, width, y, column)));
      }
    }
  }
}
