/**
 * Runs many cases against one path of a server and collects what is wrong. Owns the concurrency and the use of
 * differences.ts; the waiting and the judging are client.ts's and verdict.ts's.
 */
import { caseBytes, runCase } from './client.ts';
import type { Dial } from './client.ts';
import { dialPlain, dialTls } from './client.ts';
import type { Case } from './corpus.ts';
import { DIFFERENCES } from './differences.ts';
import type { Transport } from './server.ts';
import { judge } from './verdict.ts';

/** Cases under way at once, in each run. Most of them wait. */
const CONCURRENCY = 64;
/** Where each byte is a write: so few that none is taken for a slow client. */
const CONCURRENCY_BYTE_BY_BYTE = 16;

/** One case, sent in one way. */
export interface Shot {
  entry: Case;
  /** Absent: as the case says. */
  bytesPerWrite?: number;
  /** Absent: uncut. */
  cutAt?: number;
}

export interface Run {
  /** A key of differences.ts too. */
  way: string;
  path: string;
  transport: Transport;
  cutting: string;
  shots: readonly Shot[];
}

export function describeRun({ way, transport, cutting, shots }: Run): string {
  return `${way}, ${transport}, ${cutting} (${shots.length})`;
}

const DIALS: Record<Transport, Dial> = { plain: dialPlain, tls: dialTls };

/** @returns what is wrong, a line for each shot that failed. */
export async function runAll(
  { way, path, transport, shots }: Run,
  { portFor }: { portFor(entry: Case, transport: Transport): number },
): Promise<string[]> {
  const wrong: string[] = [];
  const queue = shots.values();
  const differences = DIFFERENCES.filter((difference) => difference.way === way);
  const worker = async (): Promise<void> => {
    for (const { entry, ...cutting } of queue) {
      const seen = await runCase({ entry, path, ...cutting, dial: () => DIALS[transport](portFor(entry, transport)) });
      const instead = differences.find(({ ids }) => ids.includes(entry.id))?.instead;
      let fault = judge(entry, seen);
      if (instead !== undefined) {
        if (fault === undefined) fault = 'passes although differences.ts lists it: take it out there';
        else fault = judge({ ...entry, expect: instead }, seen);
      }
      if (fault !== undefined)
        wrong.push(`${entry.level} ${entry.id} ${JSON.stringify(cutting)} (${entry.desc}): ${fault}`);
    }
  };
  const isSlow = shots.some(({ bytesPerWrite }) => bytesPerWrite !== undefined);
  await Promise.all(Array.from({ length: isSlow ? CONCURRENCY_BYTE_BY_BYTE : CONCURRENCY }, worker));
  return wrong;
}

/** Each case in every cut of its bytes into two non-empty pieces; those that wait between pieces stay out. */
export function everyCut(cases: readonly Case[], path: string): Shot[] {
  return cases.flatMap((entry) => {
    const { length } = caseBytes(entry, path);
    return Array.from({ length: Math.max(0, length - 1) }, (_, i) => ({ entry, cutAt: i + 1 }));
  });
}
