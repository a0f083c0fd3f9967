// Lines of pixels in a trip of product/windows.
const LINES = 4u;
