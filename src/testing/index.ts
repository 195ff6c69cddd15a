import "../tensor/all_methods.ts";

export {
  type AllCloseMatchers,
  assertAllClose,
  type Comparable,
  type MatcherResult,
  matchers,
  type Tolerance,
} from "./all_close.ts";
