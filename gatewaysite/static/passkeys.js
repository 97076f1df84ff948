// Passkeys: asks the browser for one, and sends its answer with the form. Without this script codes and passwords work.
"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  function asked(options) {
    const key = options.publicKey;
    key.challenge = bytes(key.challenge);
    if (key.user) key.user.id = bytes(key.user.id);
    for (const list of [key.allowCredentials, key.excludeCredentials]) {
      for (const one of list || []) one.id = bytes(one.id);
    }
    return options;
  }

  function answered(credential) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    if (credential.response.getTransports) response.transports = credential.response.getTransports();
    return {
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  }

  // One that may sign in by itself has to be found without a name, and has to make sure who holds it.
  function alone(options) {
    Object.assign(options.publicKey.authenticatorSelection, {
      residentKey: "required", requireResidentKey: true, userVerification: "required",
    });
  }

  const SAID = {
    InvalidStateError: "This device has a passkey for you already.",
    SecurityError: "Passkeys work where this site is reached by its own name, over HTTPS.",
  };

  async function ask(form) {
    const options = form.dataset.options
      ? JSON.parse(form.dataset.options)
      : await (await fetch(form.action, {headers: {accept: "application/json"}})).json();
    if (form.dataset.passkey !== "create") return navigator.credentials.get(asked(options));
    if (form.elements.passwordless?.checked) alone(options);
    return navigator.credentials.create(asked(options));
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential) continue;
    form.hidden = false;
    const said = form.querySelector("[data-said]");
    form.querySelector("button").addEventListener("click", async (event) => {
      event.preventDefault();
      said.textContent = "";
      try {
        form.elements.credential.value = JSON.stringify(answered(await ask(form)));
      } catch (error) {
        said.textContent = SAID[error.name] || "The passkey was not used. Try again.";
        return;
      }
      form.requestSubmit();
    });
  }
})();
