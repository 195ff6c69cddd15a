/**
 * Measures what the demo "teach it" learns: accuracy with few pictures of three classes, as a table for
 * docs/demos/teach.md. Pictures are test images of CIFAR-10: the first of each class are learnt, 200 others
 * of each class are held out. The accuracies are means over ten choices of three classes.
 * usage: npx tsx scripts/measure_teach.ts
 */
import { readFileSync } from "node:fs";
import { scope, setNumThreads } from "wasmgrad";
import { CIFAR10, toPixels, transforms } from "wasmgrad/vision";
import { Classroom, type Picture, type Recipe } from "../docs/widgets/teach/classroom.ts";

const LEARNT = [5, 20, 50];
const HELD_OUT = 200;
const RECIPES: Recipe[] = [
  { pretrained: false, fineTune: false },
  { pretrained: false, fineTune: true },
  { pretrained: true, fineTune: false },
  { pretrained: true, fineTune: true },
];

/** Ten choices of three classes, in which each class occurs three times. */
const triples = Array.from({ length: 10 }, (_, i) => [i, (i + 2) % 10, (i + 5) % 10]);

setNumThreads(1);
const set = await CIFAR10.load({ root: "./data", train: false, download: true, transform: transforms.toTensor() });
const imagesOf = set.classes.map((_, label) =>
  [...set.targets.keys()]
    .filter((i) => set.targets[i] === label)
    .slice(0, Math.max(...LEARNT) + HELD_OUT)
    .map((i) => scope(() => Uint8ClampedArray.from(toPixels(set.get(i)[0]).data))),
);

const room = new Classroom(readFileSync("docs/widgets/teach/encoder.safetensors"));
console.log(triples.map((triple) => triple.map((label) => set.classes[label]).join(" ")).join(", "));
console.log(
  "| pictures of each class | untrained | untrained, last stage too | pretrained | pretrained, last stage too |",
);
console.log("|---:|---:|---:|---:|---:|");
for (const count of LEARNT) {
  const cells: string[] = [];
  for (const recipe of RECIPES) {
    let sum = 0;
    for (const triple of triples) {
      const pictures: Picture[] = triple.flatMap((from, label) => {
        const images = imagesOf[from];
        const learnt = images.slice(0, count).map((bytes) => ({ bytes, label, heldOut: false }));
        return [...learnt, ...images.slice(-HELD_OUT).map((bytes) => ({ bytes, label, heldOut: true }))];
      });
      sum += (await room.learn(pictures, triple.length, recipe, () => {})).heldOutAccuracy;
    }
    cells.push(`${((100 * sum) / triples.length).toFixed(1)} %`);
  }
  console.log(`| ${count} | ${cells.join(" | ")} |`);
}
