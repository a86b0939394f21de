/** What the computation is doing, where, how fast; and, when it failed, how to mend it. */
import { glyph, h, setAttribute, setText } from "./dom";
import { LensError, type Status } from "./types";

const WORDS: Record<Status["state"], string> = {
  idle: "Ready",
  running: "Computing",
  streaming: "Live",
  error: "Failed",
  lost: "No kernel",
};

const UNKNOWN_MEND =
  "Reload the page; if it stays, report it with what the browser's console says.";
export const LOST_MESSAGE = "The kernel does not answer.";
export const LOST_MEND =
  "Scales that are already here still work. Restart the kernel and run the cell again for the rest.";

export class StatusView {
  readonly line: HTMLElement;
  readonly panel: HTMLElement;
  readonly #state = h("span", { class: "rg-state", role: "status" });
  readonly #device = h("span", { class: "rg-device" });
  readonly #throughput = h("span", { class: "rg-throughput" });
  readonly #label = h("span", { class: "rg-progress-label" });
  readonly #bar = h("progress", { class: "rg-progress", max: 1 });
  readonly #cancel = h(
    "button",
    { type: "button", class: "rg-button rg-quiet" },
    glyph("stop"),
    "Cancel",
  );
  readonly #message = h("p", { class: "rg-message" });
  readonly #mend = h("p", { class: "rg-mend" });
  readonly #retry = h("button", { type: "button", class: "rg-button" }, "Retry");
  #fault: { message: string; mend: string } | null = null;
  #lost = false;
  #failed = false;

  constructor(act: { cancel(): void; retry(): void }) {
    this.#cancel.addEventListener("click", act.cancel);
    this.#retry.addEventListener("click", act.retry);
    const work = h("span", { class: "rg-work" }, this.#label, this.#bar, this.#cancel);
    const where = h("span", { class: "rg-where" }, this.#device, this.#throughput);
    this.line = h("div", { class: "rg-status" }, this.#state, work, where);
    const words = h("div", { class: "rg-words" }, this.#message, this.#mend);
    this.panel = h("div", { class: "rg-panel", role: "alert" }, words, this.#retry);
    this.panel.hidden = true;
  }

  update(status: Status, live: boolean): void {
    const working = live && (status.state === "running" || status.progress !== null);
    const state =
      !live && status.state === "idle" ? "Saved" : WORDS[this.#lost ? "lost" : status.state];
    setText(this.#state, state);
    setAttribute(this.#state, "data-state", this.#lost ? "lost" : live ? status.state : "saved");
    setText(this.#device, status.device);
    setText(this.#throughput, status.throughput);
    this.line.classList.toggle("rg-working", working);
    this.#cancel.disabled = !working;
    const share = status.progress === null ? "" : ` · ${Math.round(100 * status.progress)} %`;
    setText(this.#label, working ? (status.label || "working") + share : "");
    if (status.progress === null) this.#bar.removeAttribute("value");
    else this.#bar.value = status.progress;
    setAttribute(this.#bar, "aria-label", status.label || "Progress");
    this.#failed = status.state === "error";
    if (this.#failed) this.fail(status.message, status.mend);
    else this.#fault = null;
    this.#show(status.state === "lost" || this.#lost, status);
  }

  /** Whatever was thrown; only what nobody foresaw goes to the console too. */
  report(fault: unknown): void {
    const message = fault instanceof Error ? fault.message : String(fault);
    const known = fault instanceof LensError;
    this.fail(message, known ? fault.mend : UNKNOWN_MEND);
    if (!known) console.error("[rgwidgets]", fault);
  }

  /** A fault found in the browser, or told by message. */
  fail(message: string, mend: string): void {
    this.#fault = { message: message || "The computation failed.", mend };
    this.#show(this.#lost, null);
  }

  /** What a live stream says of itself overrides what the last status said. */
  measure(words: string): void {
    setText(this.#throughput, words);
  }

  /** A picture mends what went wrong on this page; the kernel takes back its own faults itself. */
  mend(): void {
    if (!this.#failed) this.clear();
  }

  clear(): void {
    this.#fault = null;
    this.#show(this.#lost, null);
  }

  setLost(lost: boolean): void {
    this.#lost = lost;
    if (lost) setAttribute(this.#state, "data-state", "lost");
    if (lost) setText(this.#state, WORDS.lost);
    // Nothing works any more, and there is nothing to cancel.
    if (lost) this.line.classList.remove("rg-working");
    this.#show(lost, null);
  }

  #show(lost: boolean, status: Status | null): void {
    const fault = this.#fault;
    this.panel.hidden = !lost && !fault;
    this.panel.classList.toggle("rg-lost", lost && !fault);
    if (fault) {
      setText(this.#message, fault.message);
      setText(this.#mend, fault.mend);
    } else if (lost) {
      setText(this.#message, status?.message || LOST_MESSAGE);
      setText(this.#mend, status?.mend || LOST_MEND);
    }
  }
}
