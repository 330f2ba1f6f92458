/** The generated code is what the schema says, and what is committed. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CODE_PATH, generate, TYPES_PATH } from '../generate.ts';

it('generating again gives the committed bytes', async () => {
  const { code, types } = await generate();
  expect(readFileSync(CODE_PATH, 'utf8') === code, 'run: pnpm proto').toBe(true);
  expect(readFileSync(TYPES_PATH, 'utf8') === types, 'run: pnpm proto').toBe(true);
  expect(await generate()).toEqual({ code, types });
});

it('the code needs the minimal runtime only, and no eval', () => {
  const code = readFileSync(CODE_PATH, 'utf8');
  expect([...code.matchAll(/^import .* from "(.*)"/gm)].map((match) => match[1])).toEqual(['protobufjs/minimal.js']);
  expect(code).not.toMatch(/\beval\b|new Function|\bFunction\(/);
});
