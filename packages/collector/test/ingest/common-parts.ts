/** What main makes for all ingest workers, for tests that start them without a collector. */
import { type Addresses, createAddresses } from '../../src/admission/addresses.ts';
import { createClientTable } from '../../src/admission/client-table.ts';
import type { Common } from '../../src/ingest/settings.ts';
import { createDoorbell } from '../../src/rings/doorbell.ts';

/** For tests where nobody is counted by address. */
export const NO_ADDRESSES: Addresses = { arrived: () => undefined, gone: () => {}, failed: () => 0 };

export function commonParts(): Common {
  return {
    clientTable: createClientTable(16),
    addresses: createAddresses(4),
    ready: new SharedArrayBuffer(4),
    doorbell: createDoorbell(),
    tokens: [],
    tls: undefined,
  };
}
