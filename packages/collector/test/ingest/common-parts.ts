/** What main makes for all ingest workers, for tests that start them without a collector. */
import { type Addresses, createAddresses } from '../../src/admission/addresses.ts';
import { createClientTable } from '../../src/admission/client-table.ts';
import { createRefusals } from '../../src/ingest/refusals.ts';
import type { Common } from '../../src/ingest/settings.ts';
import { createDoorbell } from '../../src/rings/doorbell.ts';

/** For tests where nobody is counted by address. */
export const NO_ADDRESSES: Addresses = { arrived: () => undefined, gone: () => {}, failed: () => 0 };

/** For tests where nobody looks at what a limit is called. */
export const REFUSALS = createRefusals({
  client: { requestsPerSecond: 100, bytesPerSecond: 16 * 1024 * 1024, pointsPerSecond: 200_000, burstMs: 10_000 },
  unauthenticatedPerSecond: 10,
});

export function commonParts(): Common {
  return {
    clientTable: createClientTable(16, { threads: 4 }),
    addresses: createAddresses(4),
    ready: new SharedArrayBuffer(4),
    doorbell: createDoorbell(),
    tokens: [],
    tls: undefined,
  };
}
