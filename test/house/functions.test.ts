/** No function is longer than a screen. */
import { expect, it } from 'vitest';
import { functionLengths } from './functions.ts';
import { findings, sources } from './tree.ts';

const functionLinesMax = 70;

it(`functions have at most ${functionLinesMax} lines of their own`, () => {
  const tooLong = findings(sources(), ({ text }) =>
    functionLengths(text)
      .filter(({ lines }) => lines > functionLinesMax)
      .map(({ line, head, lines }) => `line ${line}: ${lines} lines: ${head.slice(0, 80)}`),
  );
  expect(tooLong).toEqual([]);
});

it('the rule measures each kind of function, and inner ones for themselves', () => {
  const text = `
export function createThing(options: Options): Thing {
  let state = 0;
  function inner(
    a: number,
    b: number,
  ): void {
    state += a + b;
  }
  return {
    method(x: number): void {
      if (x > 0) {
        inner(x, 1);
      }
    },
    async other() {
      await later();
    },
    arrow: (x) => {
      return x;
    },
  };
}
`;
  expect(functionLengths(text)).toEqual([
    { line: 2, head: 'export function createThing(options: Options): Thing {', lines: 5 },
    { line: 4, head: 'function inner(', lines: 6 },
    { line: 11, head: 'method(x: number): void {', lines: 5 },
    { line: 16, head: 'async other() {', lines: 3 },
    { line: 19, head: 'arrow: (x) => {', lines: 3 },
  ]);
});

it('the rule does not take blocks, objects and types for functions', () => {
  const text = `
if (a) {
} else if (
  b
) {
}
for (const x of y) {
}
const object = {
};
interface Thing {
}
`;
  expect(functionLengths(text)).toEqual([]);
});
