/**
 * Marks the declarations of the library's modules as free of side effects. Bundlers cannot see this of calls,
 * of properties of objects or of classes with computed names, and would keep them, and all that they use, in
 * every program.
 */
import { type Plugin, RolldownMagicString } from "rolldown";
import { parseAst } from "rolldown/parseAst";

type Program = ReturnType<typeof parseAst>;
type Statement = Program["body"][number];
type Declaration = Extract<Statement, { type: "VariableDeclaration" }>["declarations"][number];
type Expression = NonNullable<Declaration["init"]>;
type Class = Extract<Expression, { body: { type: "ClassBody" } }>;

const PURE = "/* @__PURE__ */";

/** Whether a class does nothing but exist. What static blocks do is meant. */
function staysQuiet({ body }: Class): boolean {
  return body.body.every((member) => member.type !== "StaticBlock");
}

/** Whether bundlers may think that an expression does more than give a value. */
function looksBusy(expression: Expression, isMarked: (start: number) => boolean): boolean {
  const look = (inner: Expression): boolean => looksBusy(inner, isMarked);
  switch (expression.type) {
    case "Literal":
    case "Identifier":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      return false;
    case "ArrayExpression":
      return expression.elements.some((item) => item && (item.type === "SpreadElement" || look(item)));
    case "ObjectExpression":
      return expression.properties.some((item) => item.type === "SpreadElement" || look(item.value as Expression));
    case "UnaryExpression":
      return look(expression.argument);
    case "BinaryExpression":
      return look(expression.left as Expression) || look(expression.right);
    case "NewExpression":
    case "CallExpression":
      return !isMarked(expression.start);
    default:
      return true;
  }
}

export const pureDeclarations: Plugin = {
  name: "pure-declarations",
  renderChunk(code) {
    const isMarked = (start: number) => code.slice(0, start).trimEnd().endsWith(PURE);
    const edited = new RolldownMagicString(code);
    for (const statement of parseAst(code).body) {
      if (statement.type !== "VariableDeclaration") continue;
      for (const { id, init } of statement.declarations) {
        if (!init || id.type !== "Identifier") continue;
        if (init.type === "ClassExpression") {
          // the name of the inner class is that of the constant
          if (!staysQuiet(init) || !init.body.body.some((member) => "computed" in member && member.computed)) continue;
          edited.appendLeft(init.start, `${PURE} (() => { const ${id.name} = `);
          edited.appendRight(init.end, `; return ${id.name}; })()`);
        } else if (looksBusy(init, isMarked)) {
          edited.appendLeft(init.start, `${PURE} (() => (`);
          edited.appendRight(init.end, "))()");
        }
      }
    }
    return edited;
  },
};
