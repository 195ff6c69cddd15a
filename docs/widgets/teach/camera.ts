/** The camera, which is asked for only when the visitor switches it on. */

const REASONS: Record<string, string> = {
  NotAllowedError: "The browser or its settings did not allow the camera.",
  NotFoundError: "No camera was found.",
  NotReadableError: "Another program uses the camera.",
};

export class Camera {
  readonly video: HTMLVideoElement;
  #stream: MediaStream | undefined;

  constructor(video: HTMLVideoElement) {
    this.video = video;
  }

  get on(): boolean {
    return this.#stream !== undefined;
  }

  /** @throws Error that says why there is no camera. */
  async open(): Promise<void> {
    if (this.#stream) return;
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("This browser gives the camera only to pages that come by https.");
    }
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { width: { ideal: 320 }, height: { ideal: 240 } },
      });
    } catch (error) {
      const { name, message } = error as DOMException;
      throw new Error(REASONS[name] ?? `The camera could not be used: ${message}`);
    }
    this.video.srcObject = this.#stream;
    await this.video.play();
  }

  /** The picture that it shows now; undefined before the first one. */
  async picture(): Promise<ImageBitmap | undefined> {
    if (!this.#stream || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return undefined;
    return createImageBitmap(this.video);
  }

  close(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = undefined;
    this.video.srcObject = null;
  }
}
