import { expect, test } from 'vitest';

import type { Handle } from '../lenses/token';
import { fault, MOMENT_MS, shortDevice, summarise, type Since } from './summary';

type Status = ReturnType<Handle['status']>;

function lens(parts: Partial<Status> = {}, waiting = false, kernel: string | null = 'k'): Handle {
  const quiet: Status = {
    state: 'idle',
    message: '',
    mend: '',
    progress: null,
    label: '',
    device: 'CPU',
    throughput: '',
    memory: '412 MB'
  };
  return {
    kernel,
    status: () => ({ ...quiet, ...parts }),
    waiting: () => waiting
  } as unknown as Handle;
}

const at = (handles: Handle[], now = 0, since: Since = new WeakMap()) =>
  summarise(handles, now, since);

test('where there is no lens, nothing is said', () => expect(at([])).toBeNull());

test('device, memory and throughput stand in one line, and what is unknown leaves no gap', () => {
  expect(at([lens({ throughput: '1.2 M updates/s', state: 'streaming' })])).toMatchObject({
    word: 'live',
    tone: 'calm',
    details: ['CPU', '412 MB', '1.2 M updates/s']
  });
  expect(at([lens({ memory: '', device: '' })])!.details).toEqual([]);
  expect(at([lens({ state: 'running', progress: 0.424 })])!.details.at(-1)).toBe('42 %');
});

test('a lens that runs or waits turns amber after a moment, and not before', () => {
  for (const busy of [lens({ state: 'running' }), lens({}, true)]) {
    const since: Since = new WeakMap();
    expect(at([busy], 1000, since)).toMatchObject({ tone: 'calm', again: MOMENT_MS });
    expect(at([busy], 1400, since)).toMatchObject({ tone: 'calm', again: MOMENT_MS - 400 });
    expect(at([busy], 1000 + MOMENT_MS, since)).toMatchObject({ tone: 'amber', again: null });
  }
});

test('the moment begins anew with each computation', () => {
  const since: Since = new WeakMap();
  let state: Status['state'] = 'running';
  const handle = { ...lens(), status: () => ({ ...lens().status(), state }) };
  at([handle], 0, since);
  state = 'idle';
  expect(at([handle], 5000, since)).toMatchObject({ word: 'ready', tone: 'calm', again: null });
  state = 'running';
  expect(at([handle], 6000, since)!.tone).toBe('calm');
});

test('a stream is no wait', () => {
  const since: Since = new WeakMap();
  const live = lens({ state: 'streaming' });
  at([live], 0, since);
  expect(at([live], 60_000, since)).toMatchObject({ word: 'live', tone: 'calm' });
});

test('what failed is said before what runs, and both can be acted on', () => {
  const [running, failed] = [lens({ state: 'running' }), lens({ state: 'error' })];
  const said = at([running, failed])!;
  expect(said).toMatchObject({ word: 'failed', tone: 'red', lead: failed });
  expect([said.running, said.failed]).toEqual([[running], [failed]]);
});

test('a lost lens is red unless another has taken its place', () => {
  const lost = lens({ state: 'lost' });
  expect(at([lost])).toMatchObject({ word: 'lost', tone: 'red', running: [] });
  expect(at([lost, lens()])).toMatchObject({ word: 'ready', tone: 'calm' });
});

test('a record has no kernel to lose', () => {
  const record = lens({ device: '', memory: '' }, false, null);
  expect(at([record])).toMatchObject({ word: 'saved', tone: 'calm', details: [] });
  expect(at([record, lens()])).toMatchObject({ word: 'ready' });
});

test('a mend that the message says already is not said twice', () => {
  expect(fault({ message: 'NaN. Mend: look', mend: 'look' })).toEqual(['NaN. Mend: look']);
  expect(fault({ message: 'NaN', mend: 'look' })).toEqual(['NaN', 'look']);
  expect(fault({ message: 'NaN', mend: '' })).toEqual(['NaN']);
});

test.each([
  ['Intel(R) Xeon(R) CPU E5-2673 v4 @ 2.30GHz', 'Intel Xeon'],
  ['AMD EPYC 7763 64-Core Processor', 'AMD EPYC 7763'],
  ['AMD Ryzen 7 5800U with Radeon Graphics', 'AMD Ryzen 7 5800U'],
  ['NVIDIA A100-SXM4-80GB', 'NVIDIA A100-SXM4-80GB'],
  ['Apple GPU', 'Apple GPU'],
  ['', '']
])('%s is shown as %s', (name, short) => expect(shortDevice(name)).toBe(short));
