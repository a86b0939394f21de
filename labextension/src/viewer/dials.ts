import type { Handle, ScaleSpec } from '@rgwidgets/lens';

/** How far apart two cutoffs are: by their ratio, as scales are; zero is near nothing else. */
function apart(a: number, b: number): number {
  if (a === b) {
    return 0;
  }
  return a > 0 && b > 0 ? Math.abs(Math.log(a / b)) : Infinity;
}

/**
 * For each cutoff of `from` the index of the nearest of `to`; null where the two have no scale in
 * common, that is, neither its name nor its unit.
 */
export function nearest(from: ScaleSpec, to: ScaleSpec): number[] | null {
  if (from.name !== to.name || from.unit !== to.unit) {
    return null;
  }
  return from.cutoffs.map(cutoff => {
    let best = 0;
    to.cutoffs.forEach((other, index) => {
      const [now, before] = [apart(cutoff, other), apart(cutoff, to.cutoffs[best]!)];
      const tie = now === before && Math.abs(cutoff - other) < Math.abs(cutoff - to.cutoffs[best]!);
      if (now < before || tie) {
        best = index;
      }
    });
    return best;
  });
}

type Dial = Pick<Handle, 'scale' | 'preview' | 'cutoff' | 'turn' | 'onChange'>;

/** Makes each of two lenses follow the other; null where they have no scale in common. */
export function link(one: Dial, other: Dial): (() => void) | null {
  const [a, b] = [one.scale(), other.scale()];
  const there = a && b && nearest(a, b);
  const back = a && b && nearest(b, a);
  if (!there || !back) {
    return null;
  }
  let following = false;
  const follow = (leader: Dial, follower: Dial, places: number[]): (() => void) => {
    let settled = leader.cutoff();
    const move = (): void => {
      const released = leader.cutoff() !== settled;
      settled = leader.cutoff();
      const place = places[leader.preview()];
      // What follows does not lead: the nearest of the nearest may be another.
      if (following || place === undefined || (!released && place === follower.preview())) {
        return;
      }
      following = true;
      follower.turn(place, released);
      following = false;
    };
    return leader.onChange(move);
  };
  const stops = [follow(one, other, there), follow(other, one, back)];
  const start = there[one.cutoff()];
  following = true;
  if (start !== undefined) {
    other.turn(start, true);
  }
  following = false;
  return () => stops.forEach(stop => stop());
}
