import type { Kind } from "./campaign.ts";
import { fused } from "./fused.ts";
import { operations } from "./operations.ts";

export const kinds: readonly Kind[] = [operations, fused];
