import type { ICellModel, ICodeCellModel } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

/** Where `rgwidgets.exercises.check` tells the page what it found. */
export const CHECK_MIME = 'application/vnd.rgwidgets.check+json';

type Outputs = ICodeCellModel['outputs'];

export interface Told {
  /** An exercise was right. */
  passed(id: string): void;
  /** The notebook whose kernel has no rgwidgets, or null when none says so any more. */
  lacking(notebook: string | null): void;
}

/** What of an output model is read. */
export interface Said {
  readonly type: string;
  toJSON(): { [key: string]: unknown };
}

/** The id of the exercise that an output calls right. */
export function passedIn(output: Said): string | null {
  if (output.type !== 'execute_result' && output.type !== 'display_data') {
    return null;
  }
  const data = output.toJSON()['data'] as { [mime: string]: unknown } | undefined;
  const verdict = data?.[CHECK_MIME] as { id?: unknown; right?: unknown } | undefined;
  return verdict?.right === true && typeof verdict.id === 'string' ? verdict.id : null;
}

/** Whether an output says that its kernel does not know rgwidgets. */
export function lacksPackage(output: Said): boolean {
  if (output.type !== 'error') {
    return false;
  }
  const { ename, evalue } = output.toJSON();
  return ename === 'ModuleNotFoundError' && evalue === "No module named 'rgwidgets'";
}

/** Follows the outputs of every open notebook. */
export class Watch {
  /** Outputs that hold such an error of this visit; one that was saved says nothing of now. */
  private readonly faults = new Map<Outputs, NotebookPanel>();
  private readonly seen = new WeakSet<ICellModel>();

  constructor(
    notebooks: INotebookTracker,
    private readonly told: Told
  ) {
    notebooks.forEach(panel => this.adopt(panel));
    notebooks.widgetAdded.connect((_, panel) => this.adopt(panel));
  }

  private adopt(panel: NotebookPanel): void {
    void panel.context.ready.then(() => {
      const cells = panel.content.model?.cells;
      for (const cell of cells ?? []) {
        this.follow(cell, panel);
      }
      cells?.changed.connect((_, { newValues }) => {
        newValues.forEach(cell => cell && this.follow(cell, panel));
      });
    });
    panel.disposed.connect(() => {
      [...this.faults].forEach(
        ([outputs, owner]) => owner === panel && this.faults.delete(outputs)
      );
      this.tell();
    });
  }

  private follow(cell: ICellModel, panel: NotebookPanel): void {
    if (cell.type !== 'code' || this.seen.has(cell)) {
      return;
    }
    this.seen.add(cell);
    const { outputs } = cell as ICodeCellModel;
    for (let at = 0; at < outputs.length; at += 1) {
      this.read(outputs.get(at));
    }
    outputs.changed.connect((_, { type, newValues }) => {
      if (type === 'add' || type === 'set') {
        newValues.forEach(output => this.read(output));
        if (newValues.some(lacksPackage)) {
          this.faults.set(outputs, panel);
          this.tell();
        }
      } else if (this.faults.delete(outputs)) {
        this.tell();
      }
    });
  }

  private read(output: Said): void {
    const id = passedIn(output);
    if (id !== null) {
      this.told.passed(id);
    }
  }

  private tell(): void {
    const panel = [...this.faults.values()].at(-1);
    this.told.lacking(panel?.context.localPath ?? null);
  }
}
