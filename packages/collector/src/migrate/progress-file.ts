/**
 * How far a backfill has come, in a small file. Owns its form and promises that it holds the old state or the new one,
 * whole, kill -9 or power cut, and that a backfill never goes on with what another one left.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '@metricstream/shared/atomic-file.ts';

/** Lines of the files, by what became of them. Their sum is `read` at the end. */
export interface Account {
  read: number;
  written: number;
  /** InfluxDB had it. */
  alreadyThere: number;
  /** Said again what another line said. */
  repeated: number;
  /** Older than InfluxDB keeps. */
  tooOld: number;
  /** InfluxDB will not take it; it is a dead letter. */
  rejected: number;
  /** Not written: whole number or not, nobody can tell. */
  typeUnknown: number;
  /** No point. */
  unreadable: number;
}

/** What makes two backfills the same one. */
export interface BackfillIdentity {
  from: string;
  /** Server, and database or bucket. */
  to: string;
  schema: string;
  onlyMissing: boolean;
}

export interface BackfillState {
  /** Unix minutes. All before `doneUntil` is settled and in the account. */
  since: number;
  until: number;
  doneUntil: number;
  account: Account;
  /** Lines with a time that are no points, out of `account.unreadable`. */
  damaged: number;
}

export interface ProgressFile {
  readonly path: string;
  /** @returns undefined when there is none, or one that is not whole. */
  load(): BackfillState | undefined;
  /** Durable when it returns. */
  save(state: BackfillState): void;
  /** The backfill is done. */
  remove(): void;
}

export function emptyAccount(): Account {
  const settled = { written: 0, alreadyThere: 0, repeated: 0, tooOld: 0, rejected: 0, typeUnknown: 0 };
  return { read: 0, ...settled, unreadable: 0 };
}

/** @returns what is read and not settled yet; 0 at the end. */
export function openIn({ read, ...settled }: Account): number {
  return read - Object.values(settled).reduce((sum, lines) => sum + lines, 0);
}

export function createProgressFile(stateDir: string, identity: BackfillIdentity): ProgressFile {
  const { from, to, schema, onlyMissing } = identity;
  const key = JSON.stringify([from, to, schema, onlyMissing]);
  const path = join(stateDir, `backfill-${createHash('sha256').update(key).digest('hex').slice(0, 12)}.json`);
  return {
    path,
    load() {
      try {
        const { identity: of, state } = JSON.parse(readFileSync(path, 'utf8')) as { identity: string; state: unknown };
        return of === key ? wholeState(state) : undefined;
      } catch {
        return undefined;
      }
    },
    save(state) {
      writeFileAtomically(path, JSON.stringify({ identity: key, state }));
    },
    remove() {
      rmSync(path, { force: true });
    },
  };
}

function wholeState(state: unknown): BackfillState | undefined {
  const { since, until, doneUntil, damaged, account } = (state ?? {}) as Partial<BackfillState>;
  const counts = Object.keys(emptyAccount()).map((key) => account?.[key as keyof Account]);
  const whole = [since, until, doneUntil, damaged, ...counts].every((value) => Number.isSafeInteger(value));
  return whole ? (state as BackfillState) : undefined;
}
