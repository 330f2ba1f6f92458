/**
 * The bytes of a request that did not come in one piece. Owns one buffer that doubles as bytes come, so that memory
 * follows what a client sent rather than what it announced; every byte of capacity is claimed from the listener's
 * common allowance and given back.
 */
import type { Shared } from './shared.ts';

const CAPACITY_MIN = 512;
const NONE = Buffer.alloc(0);

export class GrowingBuffer {
  /** The bytes held are `from` … `to` of it. */
  bytes: Buffer;
  from = 0;
  to = 0;
  private readonly shared: Shared;
  private readonly part: number;

  /** Holds nothing, and no memory, until the first `append`. @param part of the common allowance that is open to it. */
  constructor(shared: Shared, part = 1) {
    this.shared = shared;
    this.part = part;
    this.bytes = NONE;
  }

  get length(): number {
    return this.to - this.from;
  }

  /** A view of the bytes held, valid until the next call. */
  held(): Buffer {
    return this.bytes.subarray(this.from, this.to);
  }

  /**
   * Adds bytes `from` … `to` of `source`. @param ceiling the capacity never needed, when known (a declared length).
   * @returns false when the allowance is used up; nothing was added then.
   */
  append(source: Buffer, from: number, to: number, ceiling = Number.POSITIVE_INFINITY): boolean {
    const added = to - from;
    if (this.to + added > this.bytes.length && !this.makeRoom(added, ceiling)) return false;
    source.copy(this.bytes, this.to, from, to);
    this.to += added;
    return true;
  }

  private makeRoom(added: number, ceiling: number): boolean {
    const { length } = this;
    if (length + added <= this.bytes.length) this.bytes.copyWithin(0, this.from, this.to);
    else {
      let capacity = Math.max(CAPACITY_MIN, this.bytes.length);
      while (capacity < length + added) capacity *= 2;
      const bigger = this.shared.allocate(Math.min(capacity, Math.max(ceiling, length + added)), this.part);
      if (bigger === undefined) return false;
      this.bytes.copy(bigger, 0, this.from, this.to);
      this.release();
      this.bytes = bigger;
    }
    this.from = 0;
    this.to = length;
    return true;
  }

  /** Gives the memory back; what was held is gone. */
  release(): void {
    this.shared.free(this.bytes);
    this.bytes = NONE;
    this.from = 0;
    this.to = 0;
  }
}
