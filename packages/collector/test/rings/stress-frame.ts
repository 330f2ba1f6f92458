/** The frames of the cross-thread test: each is as long as its number says and carries that number in every word. */
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';

/** @returns the length of frame `number`, a multiple of 8 from 8 on; both threads compute it. */
export function frameBytesOf(number: number, seed: number, frameBytesMax: number): number {
  return 8 + Math.floor((mulberry32(Math.imul(number, 0x9e3779b1) ^ seed)() * frameBytesMax) / 8) * 8;
}

export function stressFrame(view: DataView, at: number, bytes: number, number: number): void {
  view.setUint32(at, bytes, true);
  for (let i = 4; i < bytes; i += 4) view.setUint32(at + i, number + i, true);
}

/** @returns whether the frame at `at` is number `number`, whole. */
export function isStressFrame(view: DataView, at: number, bytes: number, number: number): boolean {
  if (view.getUint32(at, true) !== bytes) return false;
  for (let i = 4; i < bytes; i += 4) if (view.getUint32(at + i, true) !== number + i) return false;
  return true;
}
