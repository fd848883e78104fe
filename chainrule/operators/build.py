def program_of(outputs: Mapping[str, Variable]) -> Program:
    """The verified program that computes some variables, each under its name.

    Raises `DefinitionError` where two inputs share a name, and what the verifier raises.
    """
    nodes = _in_order(outputs.values())
    inputs = _inputs(nodes)
    sizes = {name for node in nodes for n in node.shape for name in n.sizes()}
    clash = sizes & (inputs.keys() | outputs.keys())
    if clash:
        raise DefinitionError(f"{min(clash)} is a size, it cannot be a variable too")
    names = _names(nodes, inputs, outputs, sizes)
    letters = _letters({*names.values(), *outputs, *sizes})
    tensors = {name: node.tensor for name, node in inputs.items()}
    equations: list[Equation] = []
    for node in nodes:
        if not isinstance(node, Input):
            name = names[id(node)]
            tensors[name] = Tensor(name, node.shape)
            equations += node.equations(name, names, letters)
    for name, node in outputs.items():
        if names[id(node)] != name:  # an input, or a variable that is two outputs
            equations += transposed(node).equations(name, names, letters)
            tensors[name] = Tensor(name, node.shape)
    return verify(Program(tensors, tuple(inputs), tuple(equations), tuple(outputs)))


def transposed(node: Variable) -> Variable:
    """A copy of a variable."""
    here = tuple(map(place, range(node.ndim)))
    return Moved(node.shape, [(node, here, here, node.shape)])


def _in_order(outputs: Iterable[Variable]) -> list[Variable]:
    """All variables that the outputs need, operands first."""
    done: dict[int, Variable] = {}
    met: set[int] = set()
    stack = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, ready = stack.pop()
        if ready:
            done[id(node)] = node
        elif id(node) not in met:
            met.add(id(node))
            stack.append((node, True))
            stack.extend([(o, False) for o in reversed(node.operands) if id(o) not in met])
    return list(done.values())


def _inputs(nodes: Sequence[Variable]) -> dict[str, Input]:
    inputs: dict[str, Input] = {}
    for node in nodes:
        if isinstance(node, Input) and inputs.setdefault(node.tensor.name, node) is not node:
            raise DefinitionError(f"two inputs are called {node.tensor.name}", None,
                                  "make an input once and use it wherever it is needed")
    return inputs


def _names(nodes: Sequence[Variable], inputs: Mapping[str, Input],
           outputs: Mapping[str, Variable], sizes: set[str]) -> dict[int, str]:
    """A name for each variable: its own, its output's, or t1, t2, ..."""
    taken = {*inputs, *outputs, *sizes}
    names = {id(node): name for name, node in reversed(outputs.items())
             if not isinstance(node, Input)}
    for name in inputs.keys() & outputs.keys():
        if outputs[name] is not inputs[name]:
            raise DefinitionError(f"{name} is an input and an output")
    number = 0
    for node in nodes:
        if isinstance(node, Input):
            names[id(node)] = node.tensor.name
        elif id(node) not in names:
            name = node.name
            if name is not None and name in taken:
                raise DefinitionError(f"two variables are called {name}", None,
                                      did_you_mean(name, []) or "name each of them differently")
            while name is None or name in taken:
                number += 1
                name = f"t{number}"
            taken.add(name)
            names[id(node)] = name
    return names


def _letters(taken: set[str]) -> list[str]:
    """Letters for indices that are no names of variables or sizes."""
    wanted = [*_LETTERS, *(f"{a}{n}" for n in range(1, 4) for a in _LETTERS)]
    return [name for name in wanted if name not in taken]
