import type { Handle } from '../lenses/token';

/** How long a lens may be busy before that is worth a colour. */
export const MOMENT_MS = 600;

export type Word = 'saved' | 'ready' | 'live' | 'computing' | 'waiting' | 'failed' | 'lost';

/** What there is to say of the lenses of a notebook, in one line. */
export interface Summary {
  readonly word: Word;
  readonly tone: 'calm' | 'amber' | 'red';
  /** The lens that is spoken of. */
  readonly lead: Handle;
  /** Device, memory, throughput and progress, as far as they are known. */
  readonly details: readonly string[];
  readonly running: readonly Handle[];
  readonly failed: readonly Handle[];
  /** In how many milliseconds there is more to say, though nothing changes; null if never. */
  readonly again: number | null;
}

/** Since when each lens has been busy. */
export type Since = WeakMap<Handle, number>;

/** Null where there is no lens. What failed goes before what runs, and that before what rests. */
export function summarise(handles: readonly Handle[], now: number, since: Since): Summary | null {
  const records = handles.filter(handle => handle.kernel === null);
  const live = handles.filter(handle => handle.kernel !== null);
  // A lens that an earlier run of its cell has left behind says nothing of the one that replaced it.
  const alive = live.filter(handle => handle.status().state !== 'lost');
  const inState = (...states: string[]): Handle[] =>
    alive.filter(handle => states.includes(handle.status().state));
  const failed = inState('error');
  const busy = alive.filter(handle => handle.status().state === 'running' || handle.waiting());
  const wait = longest(alive, busy, now, since);
  const amber = wait !== null && wait >= MOMENT_MS;
  const say = (word: Word, lead: Handle, tone: Summary['tone'] = 'calm'): Summary => ({
    word,
    tone,
    lead,
    details: details(lead),
    running: inState('running', 'streaming'),
    failed,
    again: wait === null || amber ? null : MOMENT_MS - wait
  });
  const lead = failed[0] ?? busy[0] ?? inState('streaming')[0] ?? alive.at(-1) ?? live[0];
  if (lead === undefined) {
    return records[0] ? say('saved', records[0]) : null;
  }
  const word = wordOf(lead);
  return say(word, lead, RED.includes(word) ? 'red' : amber ? 'amber' : 'calm');
}

const RED: readonly Word[] = ['failed', 'lost'];

function wordOf(handle: Handle): Word {
  const { state } = handle.status();
  if (state === 'idle') {
    return handle.waiting() ? 'waiting' : 'ready';
  }
  return ({ running: 'computing', streaming: 'live', error: 'failed', lost: 'lost' } as const)[
    state
  ];
}

/** How long the longest of `busy` has been so; null if none is. */
function longest(
  all: readonly Handle[],
  busy: readonly Handle[],
  now: number,
  since: Since
): number | null {
  for (const handle of all) {
    if (!busy.includes(handle)) {
      since.delete(handle);
    } else if (!since.has(handle)) {
      since.set(handle, now);
    }
  }
  return busy.length ? now - Math.min(...busy.map(handle => since.get(handle)!)) : null;
}

function details(handle: Handle): string[] {
  const { device, memory, throughput, progress, state } = handle.status();
  const share = progress !== null && state === 'running' ? `${Math.round(100 * progress)} %` : '';
  return [shortDevice(device), memory, throughput, share].filter(Boolean);
}

/** What went wrong and how to mend it; many messages say the mend themselves. */
export function fault({ message, mend }: { message: string; mend: string }): string[] {
  return [message, message.includes(mend) ? '' : mend].filter(Boolean);
}

/** A processor's name without what its maker adds to it. */
export function shortDevice(name: string): string {
  return name
    .replace(/\((R|TM|C)\)/gi, '')
    .replace(/\s+(@.*|CPU\b.*|Processor\b.*|\d+-Core.*|with .*)$/gi, '')
    .replace(/\s+/g, ' ')
    .trim();
}
