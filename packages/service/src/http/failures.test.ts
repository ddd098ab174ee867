import { describe, expect, it } from 'vitest';
import { PlacesTakenError } from '../core/tenant-places.ts';
import { toProblem } from './failures.ts';
import { ProblemError } from './problem.ts';
import { PartialUploadError } from './receive.ts';

const sqlError = (code: string) => Object.assign(new Error('PostgreSQL says so'), { code });

describe('what a handler threw is answered as', () => {
  it.each([
    ['53100', 'storage_full'],
    ['53000', 'database_unavailable'],
    ['53200', 'database_unavailable'],
    ['53300', 'database_unavailable'],
    ['53400', 'database_unavailable'],
    ['57014', 'database_unavailable'],
    ['57P01', 'database_unavailable'],
    ['40001', 'database_unavailable'],
    ['40P01', 'database_unavailable'],
    ['55P03', 'database_unavailable'],
    ['22021', 'request_invalid'],
    ['22008', 'request_invalid'],
    ['22P02', 'request_invalid'],
    ['22P05', 'request_invalid'],
    ['23505', 'internal'],
    ['42601', 'internal'],
  ])('SQLSTATE %s: %s', (state, code) => {
    expect(toProblem(sqlError(state)).code).toBe(code);
  });

  it('what broke off the rest of a form, when the picture was stored by then', () => {
    expect(toProblem(new PartialUploadError(new ProblemError('upload_timeout'))).code).toBe('upload_timeout');
  });

  it('the bound that kept it out', () => {
    const bound = { name: 'uploadsOfTenantMax', limit: 32, actual: 32 };
    const problem = toProblem(new PlacesTakenError(bound));
    expect([problem.code, problem.options.bound]).toEqual(['overloaded', bound]);
  });
});
