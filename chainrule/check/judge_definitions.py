"""What a paper defines, collected before it is judged, and what its names are on the sheet."""

from __future__ import annotations

from chainrule.check.claims import Claim
from chainrule.check.judge_rooms import House, Room, sides_of
from chainrule.check.judge_trials import FAILS, SHAPE, Trials
from chainrule.check.rounding import printed
from chainrule.check.tree import Apply, Bar, Derivative, Matrix, Node, Remark, Symbol
from chainrule.check.values import Array, Unknown, plain_shape, shape_of
from chainrule.check.values_differentials import differentials, named_with_d
from chainrule.check.values_frames import Chooser, Need
from chainrule.check.values_names import (
    Definition,
    Form,
    defines_itself,
    definition,
    form_of,
    full_name,
    key,
    names_in,
    plain_letter,
    spelling,
)
from chainrule.errors import ChainruleError

Signature = tuple[str, str, tuple[Node, ...]]


class Definer:
    """Definitions of a paper, and which part each chain belongs to."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.rooms: dict[int, Room | None] = {}
        self.defining: set[int] = set()  # where claims stand that define their left side
        self.doubtful: set[tuple[str, ...]] = set()  # names that the paper explains differently
        self.waiting: list[tuple[Room, list[Claim]]] = []

    def collect(self, chain: list[Claim]) -> None:
        """Find the room of a chain, and take up what it defines."""
        first = chain[0]
        nodes = sides_of(chain)
        room = self.house.room(nodes, first.context) if nodes or first.left.why == "words" else (
            self.house.last)
        if room is not None and first.kind in ("given", "definition"):
            room = self._talked_of(room, chain)
        self.rooms[first.chain] = room
        if room is None or first.kind in ("condition", "name"):
            return
        if room.own and isinstance(first.left.node, Matrix):
            self._each(room, chain)
        for claim in chain:
            self._seed(room, claim)
        self.waiting.append((room, chain))
        head = first.left.node
        form = form_of(head) if head is not None else None
        if head is None or form is None or (form.head == ("call", "d") and any(
                any(differentials(n)) for n in nodes[1:])):
            return
        if spelling(form.head[1])[1] == "bar":
            room.scope.adjoints.setdefault((form.head, tuple(map(key, form.subs))), []).append(
                (head.start, chain[-1].right.place.end))
        if (room.knows(form) or self._moves(room, form)) and not self._another(room, form, first):
            self._also(room, form, chain, head)
            return
        if first.relation not in ("=", "≡", "is", "≈"):
            return
        bodies = [c.right.node for c in chain if c.right.node is not None]
        known = room.scope.definitions.get(form.head, ())
        if any(key(d.node) == key(head) and d.names for d in known) and not any(
                map(names_in, bodies)):
            return  # a number for what is known already
        for k, body in enumerate(bodies):
            if defines_itself(head, body):
                repaired = self._repaired(room, head, body, bodies[k + 1 :])
                if repaired is None:
                    continue
                body = repaired
            elif k == 0:
                self.defining.add(first.place.start)
            found = definition(head, body, first.place.start)
            if found is not None:
                room.scope.add(found)
            return

    def _talked_of(self, room: Room, chain: list[Claim]) -> Room:
        """The room in which what is given holds; a new one where the sheet says otherwise."""
        first = chain[0]
        head, body = first.left.node, chain[-1].right.node
        form = form_of(head) if head is not None else None
        if head is None or body is None or form is None or room.own or not room.knows(form) or (
                first.relation != "=" or len(form.subs) > 1) or self._another(room, form, first):
            return room
        if isinstance(body, Symbol) or printed(body) is not None:
            return room
        outcome = Trials(room, first.place.start).test(head, "=", body)
        if outcome.holds:
            self.house.talks_of(room, first.context)
            return room
        task = any(_unknown_call(room, c.right.node) for c in chain[:-1])
        if not task and (outcome.verdict != FAILS or outcome.invented
                         or defines_itself(head, body)):
            self.doubtful.add(form.head)
            return room
        for other in list(self.house.rooms.values()):
            if other is not room and other.knows(form) and Trials(other, first.place.start).test(
                    head, "=", body).holds:
                self.house.talks_of(other, first.context)
                return other
        if not task:  # one formula may be wrong; y = f(x_1, x_2) = … sets a task
            return room
        return self.house.open(first.context)

    def _another(self, room: Room, form: Form, claim: Claim) -> bool:
        """Whether "let Q = …" is no q of the sheet, but a name of the paper's own."""
        left, right = claim.left.node, claim.right.node
        if right is not None and _no_size(room, form, right):
            return True
        if claim.kind != "definition" or left is None or right is None or form.args is not None or (
                not all(map(plain_letter, form.subs)) or form.head[1] in room.names.exact
                or not room.names.tensors(form)):
            return False
        outcome = Trials(room, claim.place.start).test(left, "=", right)
        return outcome.verdict in (FAILS, SHAPE) and not outcome.invented

    def _each(self, room: Room, chain: list[Claim]) -> None:
        """(x_1, x_2) = (2, 5) says what each of them is."""
        left, right = chain[0].left.node, chain[0].right.node
        if isinstance(left, Matrix) and isinstance(right, Matrix):
            for names, values in zip(left.rows, right.rows, strict=False):
                for name, value in zip(names, values, strict=False):
                    found = definition(name, value, chain[0].place.start)
                    if found is not None:
                        room.scope.add(found)

    def last(self) -> None:
        """Second look, when all names are known: other definitions of tensors by new names."""
        for room, chain in self.waiting:
            head = chain[0].left.node
            form = form_of(head) if head is not None else None
            if head is not None and form is not None and room.knows(form):
                self._also(room, form, chain, head)

    def _also(self, room: Room, form: Form, chain: list[Claim], head: Node) -> None:
        """q = … of a tensor q, in the paper's own names: how q depends on them."""
        tensors = room.names.tensors(form)
        if room.own:
            self._also_own(room, form, chain, head)
        if not tensors or form.args is not None:
            return
        own = {h[1] for h, found in room.scope.definitions.items()
               if any(d.after >= 0 for d in found)}
        for claim in chain:
            body = claim.right.node
            if body is not None and names_in(body) & own and not defines_itself(head, body):
                found = definition(head, body, chain[0].place.start)
                name = tensors[0][0]
                known = room.scope.via.setdefault(name, [])
                if found is not None and all(d.after != found.after for d in known):
                    known.append(found)
                return

    def _also_own(self, room: Room, form: Form, chain: list[Claim], head: Node) -> None:
        """y = v_5 of a y that the paper itself has given by a formula."""
        known = room.scope.definitions.get(form.head)
        body = chain[0].right.node
        if not known or not isinstance(body, Symbol) or defines_itself(head, body):
            return
        found = definition(head, body, chain[0].place.start)
        if found is not None:
            room.scope.via[f"#{id(known[-1])}"] = [found]

    def _seed(self, room: Room, claim: Claim) -> None:
        """ẋ_1 = 1 and ȳ = 1 say what tangents and adjoints are taken for."""
        left, right = claim.left.node, claim.right.node
        if isinstance(right, Symbol) and left is not None and printed(left) is not None:
            left, right = right, left  # 1 = ȳ
        if not isinstance(left, Symbol) or right is None:
            return
        plain, accent = spelling(left.name)
        number = printed(right)
        if accent not in ("dot", "bar") or number is None:
            return
        base = Symbol(left.start, left.end, plain, left.bold, left.subs, left.label)
        form = form_of(base)
        assert form is not None
        program = room.names.program
        numeric = [d for d in room.scope.definitions.get(form.head, ())
                   if key(d.node) == key(base)]
        if room.own and numeric:
            is_input = printed(numeric[0].body) is not None
            if is_input == (accent == "dot"):
                room.scope.seeds.setdefault(accent, {}).setdefault(
                    key(base), (base, number.value))
            return
        for tensor, _uses in room.names.tensors(form):
            is_input = tensor in program.inputs
            if program.tensors[tensor].shape and not form.subs:
                continue
            if (accent == "dot" and is_input) or (
                    accent == "bar" and tensor in program.outputs and not is_input):
                room.scope.seeds.setdefault(accent, {}).setdefault(
                    key(base), (base, number.value))
                return

    def _moves(self, room: Room, form: Form) -> bool:
        """Whether a name is v̇ or v̄ of a v that is known, in a table of derivatives."""
        plain, accent = spelling(form.head[1])
        if accent not in ("dot", "bar") or accent not in room.scope.seeds:
            return self._sets(room, plain, accent, form)
        base = Form((form.head[0], plain, *form.head[2:]), None, form.subs)
        return bool(room.names.tensors(base) or room.scope.definitions.get(base.head))

    def _sets(self, room: Room, plain: str, accent: str, form: Form) -> bool:
        """v̇ and v̄ before the row that sets a seed: where the part is scalars all through."""
        if accent not in ("dot", "bar"):
            return False
        scalars = all(not t.shape for t in room.names.program.tensors.values())
        base = Form((form.head[0], plain, *form.head[2:]), None, form.subs)
        known = bool(room.names.tensors(base) or room.scope.definitions.get(base.head))
        return scalars and known

    def _repaired(self, room: Room, head: Node, body: Node, later: list[Node]) -> Node | None:
        """v_1 = ln(v_1) = ln(2): the name in the body that must have been meant, by its value."""
        if not isinstance(head, Symbol) or not later:
            return None
        trials = Trials(room, head.start)
        others = [d.node for found in room.scope.definitions.values() for d in found
                  if isinstance(d.node, Symbol) and d.after >= 0
                  and full_name(d.node.name) == full_name(head.name)]
        for other in others:
            if key(other) == key(head):
                continue
            swapped = _swap(body, key(head), other)
            if trials.test(swapped, "=", later[0]).holds:
                return swapped
        return None

    # --- questions that the judge asks

    def defines(self, claim: Claim, room: Room, left: Node, right: Node) -> bool:
        """Whether a claim is where its left side gets its meaning."""
        return claim.link == 0 and claim.place.start in self.defining

    def is_sheet_name(self, room: Room, form: Form) -> bool:
        """Whether a name is the sheet's own."""
        return bool(room.names.tensors(form)) and room.knows(form)

    def signature(self, room: Room, node: Node) -> Signature | None:
        """The tensor (and what is differentiated by it) that a name means on the sheet."""
        while isinstance(node, Remark | Bar):
            node = node.body
        node = self._written_out(room, node)
        if isinstance(node, Derivative):
            if node.top is None or len(node.bottom) != 1:
                return None
            bottom = form_of(node.bottom[0])
            top = form_of(node.top)
            if bottom is None or top is None or bottom.args is not None:
                return None
            below = room.names.tensors(bottom)
            name = top.head[1]
            above = room.names.tensors(top)
            if not below or (not above and name not in room.names.further):
                return None
            name = room.names.further.get(name, name)
            tensor, uses = below[0]
            return tensor, above[0][0] if above else name, () if uses else bottom.subs
        form = form_of(node)
        if form is None or form.args is not None or not room.knows(form):
            return None
        tensors = room.names.tensors(form)
        if not tensors:
            return None
        tensor, uses = tensors[0]
        return tensor, "", () if uses else form.subs

    def _written_out(self, room: Room, node: Node) -> Node:
        """∂L/∂W for dW, where L is the one number that comes out of the part."""
        below = named_with_d(node)
        form = form_of(below) if isinstance(below, Symbol) else None
        program = room.names.program
        tops = [n for n in program.outputs if not program.tensors[n].shape]
        if below is None or form is None or len(tops) != 1 or room.scope.definitions.get(
                ("name", "d", "")):
            return node
        tensors = room.names.tensors(form)
        if not tensors or tensors[0][0] == tops[0]:
            return node
        return Derivative(node.start, node.end, Symbol(node.start, node.start, tops[0]), (below,))

    def own_name(self, room: Room, head: Node, body: Node, after: int) -> None:
        """A student's own value of a name that the paper itself defined."""
        found = definition(head, body, after)
        if found is not None and not defines_itself(head, body):
            room.scope.own_names.setdefault(found.form.head, []).insert(0, found)
            room.scope.version += 1

    def accepts(self, room: Room, trials: Trials, text: str, right: Node) -> bool:
        """Whether a formula is one that a sheet accepts, written in chainrule's language."""
        try:
            expression = room.memory.expression(text)
            for k in range(3 if room.drawn else 1):
                world = room.world(k)
                value = world.cells.value(expression, {})
                e = trials.evaluator(world, Chooser(), False)
                mine = e.value(right, e.frame())
                if isinstance(mine, Array | bool) or not room.memory.numbers.close(value, mine):
                    return False
        except (Unknown, Need, ChainruleError):
            return False
        return True

    def restates(self, room: Room | None, node: Node, place: int) -> str:
        """The tensor that a matrix of numbers is, if it is one."""
        if room is None or not isinstance(node, Matrix | Apply):
            return ""
        trials = Trials(room, place)
        world = room.world(0)
        try:
            e = trials.evaluator(world, Chooser(), False)
            value = e.value(node, e.frame())
        except (Unknown, Need):
            return ""
        if not isinstance(value, Array):
            return ""
        for name in room.names.program.tensors:
            shape = world.cells.shape(name)
            if plain_shape(shape) != plain_shape(shape_of(value)):
                continue
            try:
                mine = world.cells.tensor(name)
            except Unknown:
                continue
            if all(room.memory.numbers.close(a, b) for a, b in
                   zip(mine.cells, value.cells, strict=True)):
                return name
        return ""


def _no_size(room: Room, form: Form, body: Node) -> bool:
    """Whether D = G V^T is no size d, whose letter differs in its case; nor T a transposition."""
    name = form.head[1]
    if form.args is not None or form.subs or room.names.tensors(form) or defines_itself(
            Symbol(body.start, body.start, name), body):
        return False
    if name == "T":
        return bool(names_in(body))
    return name not in room.names.sizes and room.names.size_of(form) is None and (
        room.names.size(name) is not None and bool(names_in(body)))


def _unknown_call(room: Room, node: Node | None) -> bool:
    """Whether a side is f(x_1, x_2) of a function that is only a name."""
    form = form_of(node) if node is not None else None
    return form is not None and form.args is not None and len(form.head[1]) == 1 and (
        not room.knows(form))


def _swap(node: Node, old: object, new: Node) -> Node:
    if key(node) == old:
        return new
    if isinstance(node, Apply):
        return Apply(node.start, node.end, node.head,
                     tuple(_swap(a, old, new) for a in node.args), node.signs)
    return node


__all__ = ["Definer", "Definition", "Signature"]
