import { defineComponent, h, onBeforeUnmount, onMounted, ref } from "vue";

/** The module of a widget: builds it inside an element, and returns what takes it away again. */
export interface WidgetModule {
  mount(root: HTMLElement, argument: string): () => void;
}

const modules = import.meta.glob<WidgetModule>("../../widgets/*/index.ts");

/** An interactive part of a page. Its code is loaded when it comes near the visible part of the page. */
export const Widget = defineComponent({
  props: { name: { type: String, required: true }, argument: { type: String, default: "" } },
  setup(props) {
    const element = ref<HTMLElement>();
    let dispose: (() => void) | undefined;
    let left = false;
    let observer: IntersectionObserver | undefined;

    async function start(root: HTMLElement): Promise<void> {
      const { mount } = await modules[`../../widgets/${props.name}/index.ts`]();
      if (left) return;
      root.replaceChildren();
      dispose = mount(root, props.argument);
      root.dataset.mounted = "true";
    }

    onMounted(() => {
      const root = element.value!;
      observer = new IntersectionObserver(
        (changes) => {
          if (!changes.some((change) => change.isIntersecting)) return;
          observer?.disconnect();
          start(root).catch((error: unknown) => {
            root.textContent = `This part of the page failed to load: ${error instanceof Error ? error.message : error}`;
            console.error(error);
          });
        },
        { rootMargin: "400px" },
      );
      observer.observe(root);
    });
    onBeforeUnmount(() => {
      left = true;
      observer?.disconnect();
      dispose?.();
    });
    return () =>
      h(
        "div",
        { ref: element, class: "widget", "data-widget": props.name },
        h("p", { class: "widget-wait" }, "Loading …"),
      );
  },
});
