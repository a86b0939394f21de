/** As many bars as an eye takes in at once. */
export const MOST_BARS = 10;
/** Numbers that are this many times apart are compared by ratio. */
const WIDE = 20;

/** The round ends of ranges that hold `low` to `high`, each range without its upper end. */
export function edges(low: number, high: number): number[] {
  if (low > 0 && high / low >= WIDE) {
    const fine = ladder(low, high, [1, 2, 5]);
    return fine.length <= MOST_BARS + 1 ? fine : ladder(low, high, [1]);
  }
  const step = roundStep((high - low) / (MOST_BARS - 1));
  const first = Math.floor(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count + 1 }, (_, at) => tidy((first + at) * step));
}

/** 1, 2, 5, 10, 20, 50, … or some of them. */
function ladder(low: number, high: number, rungs: readonly number[]): number[] {
  const found: number[] = [];
  const start = Math.floor(Math.log10(low));
  for (let decade = start; found.length === 0 || found.at(-1)! <= high; decade += 1) {
    found.push(...rungs.map(rung => tidy(rung * 10 ** decade)));
  }
  const from = found.filter(edge => edge <= low).length - 1;
  const to = found.findIndex(edge => edge > high);
  return found.slice(from, to + 1);
}

function roundStep(least: number): number {
  const decade = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(rung => rung * decade).find(step => step >= least * (1 - 1e-12))!;
}

/** Without the digits that only the computer's arithmetic added. */
const tidy = (value: number): number => Number(value.toPrecision(12));
