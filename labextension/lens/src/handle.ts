/** A lens's handle: what the hub shows of a host, be it a kernel's model or a record. */
import type { Handle } from "./hub";
import { cell, isObject, readSpec, readStatus, text } from "./read";
import type { Host, ScaleSpec } from "./types";

/** What a lens is told to others by; each may change while it lives. */
const TOLD = ["spec", "preview", "cutoff", "status"];

export interface Handled extends Handle {
  /** The lens itself says whether a scale is on its way. */
  wait(waiting: boolean): void;
}

interface Where {
  kernel?: string | null;
  place?: HTMLElement | null;
  /** Where a kernel's lens is drawn, as its views come and go. */
  views?: Iterable<HTMLElement>;
}

export function handleOf(
  host: Host,
  { kernel = null, place = null, views = [] }: Where = {},
): Handled {
  const listeners = new Set<() => void>();
  const tell = (): void => listeners.forEach((listener) => listener());
  let waiting = false;
  let stops: (() => void)[] = [];
  const at = (name: string): number => cell(host.get(name)) ?? 0;
  return {
    kernel,
    place,
    drawnIn: (node) => [place, ...views].some((view) => node.contains(view)),
    title: () => {
      const spec = host.get("spec");
      return isObject(spec) ? text(spec.title) : "";
    },
    scale: () => scaleOf(host),
    preview: () => at("preview"),
    cutoff: () => at("cutoff"),
    turn: (index, settled) => {
      host.set(settled ? { preview: index, cutoff: index } : { preview: index });
      if (settled) host.save();
    },
    status: () => {
      const status = readStatus(host.get("status"));
      return kernel && !host.live() ? { ...status, state: "lost" } : status;
    },
    waiting: () => waiting,
    act: (name) => host.send({ kind: "action", name }),
    wait: (now) => {
      if (now !== waiting) {
        waiting = now;
        tell();
      }
    },
    onChange: (listener) => {
      if (listeners.size === 0) {
        stops = [...TOLD.map((name) => host.onChange(name, tell)), host.onDeath(tell)];
      }
      listeners.add(listener);
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) stops.forEach((stop) => stop());
      };
    },
  };
}

function scaleOf(host: Host): ScaleSpec | null {
  try {
    return readSpec(host.get("spec")).scale;
  } catch {
    return null; // the lens itself shows what is wrong with it
  }
}
