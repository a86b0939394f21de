import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PATIENCE, Requests, SILENCE, Stream } from "../src/requests";
import { frame } from "./setup";

let sent: { generation: number; index: number }[];
let lost: boolean[];
let requests: Requests;
let leaves: boolean;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  sent = [];
  lost = [];
  leaves = true;
  requests = new Requests({
    send: (want) => {
      sent.push({ ...want });
      return leaves;
    },
    lost: (now) => lost.push(now),
  });
});
afterEach(() => void vi.useRealTimers());

describe("wants", () => {
  it("one is in flight, and the latest of those that wait goes next", () => {
    requests.want(1);
    requests.want(2);
    requests.want(5);
    expect(sent).toEqual([{ generation: 1, index: 1 }]);
    requests.receive(1, () => undefined);
    expect(sent.at(-1)).toEqual({ generation: 2, index: 5 });
    expect(sent).toHaveLength(2);
  });

  it("a slow answer is overtaken after a moment's patience", () => {
    requests.want(1);
    requests.want(4);
    vi.advanceTimersByTime(PATIENCE + 1);
    expect(sent.at(-1)).toEqual({ generation: 2, index: 4 });
  });

  it("stale replies are dropped, and the latest still counts", () => {
    const used: number[] = [];
    requests.want(1);
    vi.advanceTimersByTime(PATIENCE + 1);
    requests.want(4);
    expect(requests.receive(1, () => used.push(1))).toBe(false);
    expect(requests.outstanding()).toBe(4);
    expect(requests.receive(2, () => used.push(2))).toBe(true);
    expect(used).toEqual([2]);
    expect(requests.outstanding()).toBe(null);
  });

  it("the same scale is not asked for twice", () => {
    requests.want(3);
    requests.want(3);
    vi.advanceTimersByTime(PATIENCE * 3);
    expect(sent).toHaveLength(1);
  });

  it("what the answer made needless is not sent", () => {
    requests.want(1);
    requests.want(2);
    requests.receive(1, () => requests.forget());
    vi.advanceTimersByTime(PATIENCE * 3);
    expect(sent).toHaveLength(1);
  });

  it("count on from another view of the same model", () => {
    requests.atLeast(7);
    requests.want(0);
    expect(sent).toEqual([{ generation: 8, index: 0 }]);
    expect(requests.receive(7, () => undefined)).toBe(false);
  });
});

describe("a kernel", () => {
  it("that answers nothing is lost, and found again by any sign of life", () => {
    requests.want(1);
    vi.advanceTimersByTime(SILENCE - 1);
    expect(lost).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(lost).toEqual([true]);
    requests.heard();
    expect(lost).toEqual([true, false]);
  });

  it("that reports its progress is not lost, however long it takes", () => {
    requests.want(1);
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(SILENCE * 0.9);
      requests.heard();
    }
    expect(lost).toEqual([]);
  });

  it("that does not react to a button is lost too", () => {
    requests.expect();
    vi.advanceTimersByTime(SILENCE + 1);
    expect(lost).toEqual([true]);
    requests.heard();
    vi.advanceTimersByTime(SILENCE * 3);
    expect(lost).toEqual([true, false]);
  });

  it("that was asked nothing is not missed", () => {
    requests.want(1);
    requests.receive(1, () => undefined);
    vi.advanceTimersByTime(SILENCE * 5);
    expect(lost).toEqual([]);
  });

  it("that no message reaches is lost at once", () => {
    leaves = false;
    requests.want(1);
    expect(lost).toEqual([true]);
    expect(requests.outstanding()).toBe(null);
  });
});

describe("streamed frames", () => {
  it("are drawn in order in the next frame, each acknowledged after its draw", () => {
    const log: string[] = [];
    const stream = new Stream((seq) => log.push(`ack ${seq}`));
    stream.push({ seq: 1, draw: () => log.push("draw 1") });
    stream.push({ seq: 2, draw: () => log.push("draw 2") });
    expect(log).toEqual([]);
    frame();
    expect(log).toEqual(["draw 1", "ack 1", "draw 2", "ack 2"]);
  });

  it("that come while one is drawn wait for the next frame", () => {
    const log: number[] = [];
    const stream: Stream = new Stream((seq) => log.push(seq));
    stream.push({ seq: 1, draw: () => stream.push({ seq: 2, draw: () => undefined }) });
    frame();
    expect(log).toEqual([1]);
    frame();
    expect(log).toEqual([1, 2]);
  });

  it("are not acknowledged once the lens is gone", () => {
    const acknowledge = vi.fn();
    const stream = new Stream(acknowledge);
    stream.push({ seq: 1, draw: () => undefined });
    stream.dispose();
    frame();
    expect(acknowledge).not.toHaveBeenCalled();
  });
});
