/**
 * Saving the cursor of many partitions. Owns when that happens, and promises that what is on disk is at most an interval
 * behind while the disk works, and that nothing moves on for long while it does not.
 *
 * A commit does not wait for the disk: twelve partitions that commit ten times a second each would sync it 240 times, and
 * all that an older cursor does after a crash is to send some batches again, which their identity absorbs. What must not
 * be older than the file is only the journal's retention; it is told of a position when that is saved. When saving fails,
 * commits try it themselves and fail with it: the pumps then say so and wait, and what a crash would repeat stays bounded.
 */
import { messageOf } from '@metricstream/shared/errors.ts';
import type { CursorState } from '@metricstream/shared/journal/cursor.ts';
import { saveCursor } from '@metricstream/shared/journal/cursor.ts';

export interface CursorKeeper {
  /** Something has moved. */
  touch(): void;
  /** Saves if something has moved; a failure is remembered and tried again. */
  tick(): void;
  /** Saves if saving has failed before. @throws what the system throws. */
  saveIfOverdue(): void;
  /** Why the last save failed; '' when it did not. */
  why(): string;
}

export interface CursorKeeperOptions {
  path: string;
  state(): CursorState;
  onSaved(state: CursorState): void;
}

export function createCursorKeeper({ path, state, onSaved }: CursorKeeperOptions): CursorKeeper {
  let moved = false;
  let why = '';

  function save(): void {
    const now = state();
    try {
      saveCursor(path, now);
    } catch (error) {
      why = messageOf(error);
      throw error;
    }
    moved = false;
    why = '';
    onSaved(now);
  }

  return {
    touch() {
      moved = true;
    },
    tick() {
      if (!moved && why === '') return;
      try {
        save();
      } catch {
        // Told by `why`.
      }
    },
    saveIfOverdue() {
      if (why !== '') save();
    },
    why: () => why,
  };
}
