/**
 * Loaded before an entry point (`node --import leash.ts …`): when the process that started it dies, however that
 * happens, its IPC channel closes and the program stops as on SIGTERM. So a killed launcher leaves nothing running.
 */
import { isMainThread } from 'node:worker_threads';

/** Set for the program only, and removed here, so that the program's own children and threads are not affected. */
const leashVariable = 'METRICSTREAM_LEASH';

function stop(): void {
  process.kill(process.pid, 'SIGTERM');
}

if (isMainThread && process.env[leashVariable] !== undefined) {
  delete process.env[leashVariable];
  if (process.connected) {
    process.on('disconnect', stop);
    // The channel alone must not keep a finished program alive.
    process.channel?.unref();
  } else {
    stop();
  }
}
