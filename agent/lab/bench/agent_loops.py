"""Agent loops that call a model before every tool call, for comparison; the model is scripted and costs nothing.

They do more than run a ready plan, so their figures are printed with that remark and have no target.
"""

from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from smolagents import Tool, ToolCallingAgent
from smolagents.models import (
    ChatMessage,
    ChatMessageToolCall,
    ChatMessageToolCallFunction,
    MessageRole,
    Model,
    TokenUsage,
)

from .chains import Chain, turn


class _Scripted(BaseChatModel):
    """Asks for the tool `steps` times, each time with the last message's text, then answers with that text."""

    steps: int

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        """It knows its one tool already."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        done = sum(1 for message in messages if message.type == "tool")
        text = str(messages[-1].content)
        reply = AIMessage(text)
        if done < self.steps:
            reply = AIMessage("", tool_calls=[{"name": "turn", "args": {"text": text}, "id": f"call{done}"}])
        return ChatResult(generations=[ChatGeneration(message=reply)])


def _chat_tool() -> BaseTool:
    return StructuredTool.from_function(turn.function, name="turn")


def langgraph_loop(text: str, steps: int) -> Chain:
    """LangGraph's own loop of a model node and a tool node."""
    model = _Scripted(steps=steps)
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("tools", ToolNode([_chat_tool()]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    return _invoked(builder.compile(), text, steps)


def langchain_agent(text: str, steps: int) -> Chain:
    """LangChain's `create_agent`."""
    return _invoked(create_agent(_Scripted(steps=steps), [_chat_tool()]), text, steps)


def _invoked(graph: Any, text: str, steps: int) -> Chain:
    def run() -> str:
        state = graph.invoke({"messages": [HumanMessage(text)]}, {"recursion_limit": 2 * steps + 10})
        return str(state["messages"][-1].content)

    return Chain(run)


class _TurnTool(Tool):  # type: ignore[misc]  # the library has no types
    name = "turn"
    description = "Move the first letter of a text to its end."
    inputs = {"text": {"type": "string", "description": "the text"}}  # noqa: RUF012  the library reads a class dict
    output_type = "string"

    def forward(self, text: str) -> str:
        return turn(text)


class _ScriptedModel(Model):  # type: ignore[misc]  # the library has no types
    def __init__(self, text: str, steps: int) -> None:
        super().__init__(model_id="scripted")
        self.text, self.steps, self.calls = text, steps, 0

    def generate(self, messages: Any, **options: Any) -> Any:
        name, arguments = "turn", {"text": self.text}
        if self.calls == self.steps:
            name, arguments = "final_answer", {"answer": self.text}
        self.calls += 1
        self.text = turn(self.text)
        function = ChatMessageToolCallFunction(name=name, arguments=arguments)
        call = ChatMessageToolCall(id=f"call{self.calls}", type="function", function=function)
        return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[call], token_usage=TokenUsage(1, 1))


def smolagents_loop(text: str, steps: int) -> Chain:
    """smolagents' `ToolCallingAgent`, silent."""
    agent = ToolCallingAgent(
        tools=[_TurnTool()], model=_ScriptedModel(text, steps), verbosity_level=0, max_steps=steps + 2
    )
    return Chain(lambda: str(agent.run("Turn the text.")))
