/** Tells the kernel where the dial is, in step with what is asked of it. */
import type { Host } from "./types";

/** Milliseconds that the dial's place waits for a picture under way, which it would hold up. */
const LINGER = 100;

export class Saving {
  #unsaved = false;
  #lingering: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly host: Host,
    private readonly events: { busy(): boolean; died(): void },
  ) {}

  /** Other views of the model follow at once, the kernel when it is saved. */
  set(values: Record<string, number>): void {
    this.#unsaved = true;
    this.host.set(values);
  }

  save(): void {
    if (!this.#unsaved || this.#lingering) return;
    if (!this.events.busy()) this.#tell();
    else this.#lingering = setTimeout(() => this.#tell(), LINGER);
  }

  #tell(): void {
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    this.#unsaved = false;
    const before = this.host.live();
    this.host.save();
    if (before && !this.host.live()) this.events.died();
  }

  dispose(): void {
    clearTimeout(this.#lingering);
    if (this.#unsaved) this.host.save();
  }
}
