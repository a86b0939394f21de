import { initialize, render } from "./widget";

export { mount, type Mounted, type MountOptions } from "./page";
export { hub, type Handle, type Hub } from "./hub";
export type { Model } from "./widget";
export { loadCharts, type ChartsModule, type ChartsSource } from "./chart";
export type { LensRecord, RecordLevel, ScaleSpec, Status } from "./types";

export default { initialize, render };
