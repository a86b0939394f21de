/** What the lens shows, as one PNG: the field beside the chart, on the page's own paper. */
const GAP = 24;

const visible = (canvas: HTMLCanvasElement): boolean => canvas.getClientRects().length > 0;

/** A data address of the visible pictures side by side; throws if there is none. */
export function snapshot(root: HTMLElement): string {
  const shown = [...root.querySelectorAll("canvas")].filter(visible);
  if (shown.length === 0) throw new Error("the lens shows no picture");
  const picture = document.createElement("canvas");
  picture.width = shown.reduce((sum, { width }) => sum + width + GAP, GAP);
  picture.height = Math.max(...shown.map(({ height }) => height)) + 2 * GAP;
  const context = picture.getContext("2d");
  if (!context) throw new Error("the browser draws on no canvas");
  context.fillStyle = getComputedStyle(root).getPropertyValue("--rg-paper").trim() || "#fff";
  context.fillRect(0, 0, picture.width, picture.height);
  let left = GAP;
  for (const canvas of shown) {
    context.drawImage(canvas, left, GAP);
    left += canvas.width + GAP;
  }
  return picture.toDataURL("image/png");
}
