/** Height and width of a picture, in pixels. In a file of its own: the page needs it without the library. */
export const SIDE = 32;
