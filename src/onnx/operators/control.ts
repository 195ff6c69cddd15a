import type { OperatorTable } from "../operator.ts";

/** Control flow. */
export const CONTROL: OperatorTable = {
  If: {
    attributes: ["then_branch", "else_branch"],
    run: (call) => call.runGraph(call.number(0) !== 0 ? "then_branch" : "else_branch"),
  },
};
