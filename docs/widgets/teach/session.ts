/** What the page knows: the classes, their pictures, and what the worker has learnt. */
import { proxy, type Remote, transfer, wrap } from "comlink";
import type { Progress, Recipe, Topic } from "./classroom.ts";
import { SAMPLE_CLASSES } from "./sample.ts";
import type { Lesson, Shown, Teacher } from "./worker.ts";

const COLORS = ["#3b82f6", "#e0861a", "#10a371", "#c853d6", "#e5484d", "#0e9fb8", "#7ba52a", "#8b6cf0"];
export const MOST_CLASSES = COLORS.length;
/** One picture in so many is held out. */
const HELD_OUT = 4;

/** A class of the visitor with its pictures. */
export interface Course {
  readonly id: number;
  readonly topic: Topic;
  readonly pictures: Shown[];
  /** Pictures that the last training put into another class, by their place. */
  readonly wrong: Set<number>;
  /** How many pictures each addition brought, for "undo". */
  readonly additions: number[];
  /** Number of pictures that were ever added one by one: of every four, one is held out. */
  counted: number;
  /** Additions that are not finished. */
  adding: number;
}

/**
 * Events: `classes` when a class came or went, `pictures` when the pictures of a class changed, `learnt` when
 * there is another classifier or none, `training` when a training begins or ends, `status` when there is
 * another sentence, `theme` when the page became light or dark.
 */
export class Session extends EventTarget {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  readonly teacher: Remote<Teacher> = wrap<Teacher>(this.#worker);
  readonly courses: Course[] = [];
  /** The classes of the present classifier; none before the first training. */
  learnt: readonly Topic[] = [];
  training = false;
  status = { text: "", failed: false };
  #nextId = 0;

  constructor() {
    super();
    this.#worker.addEventListener("error", (event) => {
      this.say(`The worker stopped: ${event.message || "its program could not be loaded"}.`, true);
    });
  }

  #changed(name: "classes" | "pictures" | "learnt" | "training" | "status" | "theme"): void {
    this.dispatchEvent(new Event(name));
  }

  /** The page became light or dark: what is drawn in its colours is drawn again. */
  changeTheme(): void {
    this.#changed("theme");
  }

  /** Shows a sentence. */
  say(text: string, failed = false): void {
    this.status = { text, failed };
    this.#changed("status");
  }

  /** Runs what a control does, and shows the sentence of its error. */
  async attempt(action: () => Promise<void> | void): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error), true);
    }
  }

  addClass(topic?: Topic): Course | undefined {
    if (this.courses.length >= MOST_CLASSES) return undefined;
    const used = new Set(this.courses.map(({ topic }) => topic.color));
    const color = COLORS.find((one) => !used.has(one)) ?? COLORS[0];
    const id = this.#nextId++;
    const course: Course = {
      id,
      topic: topic ?? { name: `Class ${this.courses.length + 1}`, color },
      pictures: [],
      wrong: new Set(),
      additions: [],
      counted: 0,
      adding: 0,
    };
    this.courses.push(course);
    this.#changed("classes");
    return course;
  }

  async removeClass(course: Course): Promise<void> {
    this.courses.splice(this.courses.indexOf(course), 1);
    await this.teacher.removeClass(course.id);
    this.#changed("classes");
    this.#changed("pictures");
  }

  /** After a name or a colour changed: the bars show it as well. */
  rename(): void {
    this.#changed("learnt");
  }

  async addFiles(course: Course, files: readonly File[]): Promise<void> {
    let added = 0;
    course.adding++;
    try {
      for (const file of files) {
        const heldOut = course.counted % HELD_OUT === HELD_OUT - 1;
        course.pictures.push(await this.teacher.add(course.id, file, heldOut));
        course.counted++;
        added++;
        this.#changed("pictures");
      }
    } finally {
      if (added > 0) course.additions.push(added);
      course.adding--;
      this.#changed("pictures");
    }
    this.say(`${added} ${added === 1 ? "picture" : "pictures"} added to ${course.topic.name}.`);
  }

  /**
   * Adds the pictures of a recording until there is none. The last quarter is held out, because pictures that
   * follow each other are nearly the same.
   */
  async record(course: Course, next: () => Promise<ImageBitmap | undefined>): Promise<void> {
    let frames = 0;
    course.adding++;
    try {
      for (let frame = await next(); frame; frame = await next()) {
        course.pictures.push(await this.teacher.add(course.id, transfer(frame, [frame]), false));
        frames++;
        this.#changed("pictures");
      }
      const before = course.counted;
      course.counted += frames;
      const count = Math.floor(course.counted / HELD_OUT) - Math.floor(before / HELD_OUT);
      await this.teacher.holdOutLast(course.id, count);
      for (const picture of count > 0 ? course.pictures.slice(-count) : []) picture.heldOut = true;
    } finally {
      if (frames > 0) course.additions.push(frames);
      course.adding--;
      this.#changed("pictures");
    }
    this.say(`${frames} ${frames === 1 ? "picture" : "pictures"} recorded for ${course.topic.name}.`);
  }

  async undo(course: Course): Promise<void> {
    const count = course.additions.pop() ?? 0;
    await this.teacher.removeLast(course.id, count);
    course.pictures.length -= count;
    course.wrong.clear();
    this.#changed("pictures");
    this.say(`${count} ${count === 1 ? "picture" : "pictures"} taken away from ${course.topic.name}.`);
  }

  /** Replaces all classes by those of the sample of CIFAR-10. */
  async addSample(): Promise<void> {
    await this.reset();
    const courses = SAMPLE_CLASSES.map((name, i) => this.addClass({ name, color: COLORS[i] })!);
    const sheets = await this.teacher.addSample(courses.map(({ id }) => id));
    courses.forEach((course, i) => {
      course.pictures.push(...sheets[i]);
      course.additions.push(sheets[i].length);
    });
    this.#changed("pictures");
    this.say(`${sheets.flat().length} images of CIFAR-10, in ${courses.length} classes. Every second one is held out.`);
  }

  /** Why training cannot begin; undefined if it can. */
  obstacle(): string | undefined {
    if (this.courses.length < 2) return "Two classes are needed.";
    if (this.courses.some(({ adding }) => adding > 0)) return "Pictures are being added.";
    for (const { topic, pictures } of this.courses) {
      const heldOut = pictures.filter((picture) => picture.heldOut).length;
      if (pictures.length - heldOut < 3 || heldOut < 1) {
        return `${topic.name} has ${pictures.length} pictures; 4 or more are needed, so that one can be held out.`;
      }
    }
    return undefined;
  }

  async learn(recipe: Recipe, onProgress: (progress: Progress) => void): Promise<Lesson | undefined> {
    const obstacle = this.obstacle();
    if (obstacle !== undefined) {
      this.say(obstacle, true);
      return undefined;
    }
    const courses = [...this.courses];
    this.training = true;
    this.#changed("training");
    try {
      const lesson = await this.teacher.learn(
        courses.map(({ id }) => id),
        recipe,
        proxy(onProgress),
      );
      let at = 0;
      courses.forEach((course, label) => {
        course.wrong.clear();
        for (const place of course.pictures.keys()) if (lesson.predicted[at++] !== label) course.wrong.add(place);
      });
      this.learnt = courses.map(({ topic }) => topic);
      return lesson;
    } finally {
      this.training = false;
      this.#changed("training");
      this.#changed("pictures");
      this.#changed("learnt");
    }
  }

  async save(): Promise<Blob> {
    const bytes = await this.teacher.save(this.learnt);
    if (!bytes) throw new Error("There is nothing to save yet: train first.");
    return new Blob([bytes], { type: "application/octet-stream" });
  }

  /** Loads what was saved. Its classes come to the page if the page has none. */
  async load(file: File): Promise<void> {
    const topics = await this.teacher.load(file);
    this.learnt = topics;
    if (this.courses.every(({ pictures }) => pictures.length === 0)) {
      for (const course of [...this.courses]) await this.removeClass(course);
      this.learnt = topics.map((topic) => this.addClass({ ...topic })!.topic);
    }
    this.#changed("learnt");
    this.say(`Loaded a classifier of ${topics.map(({ name }) => name).join(", ")}.`);
  }

  async reset(): Promise<void> {
    await this.teacher.reset();
    this.courses.length = 0;
    this.learnt = [];
    this.#changed("classes");
    this.#changed("pictures");
    this.#changed("learnt");
  }

  dispose(): void {
    this.#worker.terminate();
  }
}
