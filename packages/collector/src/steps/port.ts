/** Whether a port is free. Owns the question, since SO_REUSEPORT lets a second program bind in silence. */
import { createServer } from 'node:net';
import { type ListenAddress, listenText } from '@metricstream/shared/config/listen.ts';
import { MetricStreamError } from '@metricstream/shared/errors.ts';

/** Binds the plain way and lets go. @throws MetricStreamError that says what is in the way, and the option. */
export async function assertPortFree(address: ListenAddress, option: string): Promise<void> {
  if (address.port === 0) return;
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const why = taken
        ? 'is taken by another program; stop that program (`run --takeover` follows a collector on the same state_dir), or change'
        : 'cannot be listened on; change';
      const text = `${listenText(address)} ${why} \`${option}\` (${cause.code})`;
      reject(new MetricStreamError(taken ? 'port_taken' : 'io', text, { cause }));
    });
    probe.listen({ ...address }, () => probe.close(() => resolve()));
  });
}
