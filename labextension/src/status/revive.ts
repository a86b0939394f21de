import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { NotebookPanel } from '@jupyterlab/notebook';

type App = Pick<JupyterFrontEnd, 'commands' | 'serviceManager'>;

/** A kernel for a notebook that has lost its own, or whose kernel has begun anew; then every cell. */
export async function revive(
  { commands, serviceManager }: App,
  { sessionContext }: NotebookPanel
): Promise<void> {
  // The page learns late that a kernel is gone, and then asks for one that the server forgot.
  await serviceManager.sessions.refreshRunning();
  if (sessionContext.session?.kernel) {
    await commands.execute('notebook:restart-run-all');
    return;
  }
  const { prevKernelName, kernelPreference } = sessionContext;
  const kernel = await sessionContext.changeKernel({
    name: prevKernelName || kernelPreference.name || 'python3'
  });
  // Cells that are sent before the kernel answers would wait for ever.
  await kernel?.info;
  await commands.execute('notebook:run-all-cells');
}
