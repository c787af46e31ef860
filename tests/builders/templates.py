"""Chat templates of the kinds there are, for the embedded model's tokenizer, and chats."""

from __future__ import annotations

from typing import Any

LOOP = "{% for m in messages %}"
END = "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
PLAIN = LOOP + "<|{{ m.role }}|>{{ m.content }}<|end|>" + END
BLOCKS = (
    LOOP + "<|{{ m.role }}|>{% if m.role == 'assistant' %}"
    "{%- generation -%}{{ m.content }}<|end|>{%- endgeneration -%}"
    "{% else %}{{ m.content }}<|end|>{% endif %}" + END
)
NO_END = (
    LOOP + "<|{{ m.role }}|>{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}{% endgeneration %}"
    "{% else %}{{ m.content }}{% endif %}<|end|>" + END
)
GEMMA = LOOP + "<|{{ m.role }}|>{{ m.content }}<|end|>{{ '\\n' }}" + END
NO_SYSTEM = PLAIN.replace(LOOP, "{% for m in messages if m.role != 'system' %}")
REWRITES = (
    LOOP + "<|{{ m.role }}|>{% if loop.last or m.role != 'assistant' %}{{ m.content }}"
    "{% endif %}<|end|>" + END
)


def _chat(*turns: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in turns]


CHATS = {
    "one turn": _chat(("user", "Name a bird species."), ("assistant", "Wood Wren")),
    "two turns": _chat(
        ("system", "Today is 1984."),
        ("user", "Name a bird species."),
        ("assistant", "Wood Wren"),
        ("user", "Another one?"),
        ("assistant", "House Wren"),
    ),
    "odd text": _chat(("user", "  \n é 🐦 <|end|>"), ("assistant", "\nA  wren\n\n")),
}
